"""Whose limits hold for a request: those of the key, the user and the organisation, all three."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from api.web.principal import Principal


class SubjectKind(StrEnum):
    KEY = "key"
    USER = "user"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class Subject:
    """A user is counted in each organisation by themselves: what one organisation allows is not used up by another."""

    kind: SubjectKind
    id: uuid.UUID
    organisation_id: uuid.UUID

    @property
    def counter(self) -> str:
        """Redis hash with what was asked and used: see api/limits/scripts.py."""
        return f"limits:{self.organisation_id}:{self.kind}:{self.id}"

    @property
    def held(self) -> str:
        """Redis sorted set of what is open, by the moment at which it stops counting."""
        return f"{self.counter}:open"


def subjects_of(principal: Principal) -> tuple[Subject, ...]:
    """The narrowest first."""
    here = principal.organisation_id
    key = (Subject(SubjectKind.KEY, principal.key_id, here),) if principal.key_id else ()
    return (*key, Subject(SubjectKind.USER, principal.user_id, here), Subject(SubjectKind.ORGANISATION, here, here))

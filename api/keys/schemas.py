"""API keys as people see them: never the key itself, but once."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, Strict

from api.keys.tables import ApiKey
from api.web.authenticate import KeyScope
from api.web.schema import Answer, Body

Moment = Annotated[AwareDatetime, Strict(False)]
ScopeName = Annotated[KeyScope, Strict(False)]


class KeyBody(Body):
    name: str = Field(min_length=1, max_length=200, description="What it is for.", examples=["notebook"])
    scopes: list[ScopeName] = Field(
        default=[],
        max_length=len(KeyScope),
        description="What it is limited to: models (the OpenAI surface), read, write (the rest of the API), admin (people, keys, secrets, "
        "audit). Without any it may do what your role allows.",
    )
    expires_at: Moment | None = Field(None, description="When it ends; null: never.")


class RotateBody(Body):
    overlap_s: int | None = Field(
        None, ge=0, le=365 * 86400, description="Seconds the old key stays valid; by default the setting auth.key_overlap_s."
    )


class KeyEntry(Answer):
    id: uuid.UUID
    name: str
    prefix: str = Field(description="How the key begins.")
    owner_id: uuid.UUID
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Exact to a minute.")
    revoked_at: datetime | None
    replaced_by_id: uuid.UUID | None = Field(description="The key it was rotated to.")

    @classmethod
    def of(cls, key: ApiKey) -> KeyEntry:
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            owner_id=key.owner_id,
            scopes=key.scopes,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            replaced_by_id=key.replaced_by_id,
        )


class NewKey(Answer):
    entry: KeyEntry
    key: str = Field(description="The key itself. It is shown only now: keep it.")

"""A release as gateways know it, and what it makes of a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.contracts.generation import Message
from cluster.learning.adapters.names import versioned
from cluster.specs.retrieval import RetrievalSpec

log = structlog.get_logger(__name__)


class ReleaseEntry(BaseModel):
    """One version of a release that may be asked. ``adapter``: what replicas call it; None: the base without one. ``named``: it answers to
    the name without a version. ``prompt``: its text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    organisation: str
    name: str
    version: int
    adapter: str | None = None
    prompt: str | None = None
    retrieval: dict[str, Any] | None = None
    named: bool = False

    @property
    def label(self) -> str:
        return versioned(self.name, self.version)

    @property
    def searching(self) -> RetrievalSpec | None:
        """How documents are searched for its answers. What a later version cannot read counts as nothing, and is logged."""
        if self.retrieval is None:
            return None
        try:
            return RetrievalSpec.model_validate(self.retrieval)
        except ValidationError as error:
            log.warning("retrieval settings of a release cannot be read", release=self.label, reason=str(error)[:500])
            return None

    def instructed(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """With its prompt, where ``messages`` have no instructions of their own: what somebody says for themselves holds."""
        if self.prompt is None or not messages or any(message.role in {"system", "developer"} for message in messages):
            return messages
        return (Message("system", self.prompt), *messages)

    def uninstructed(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """What :meth:`instructed` was given, where its prompt was put before them: another release may have another one."""
        first = messages[0] if messages else None
        if self.prompt is None or first is None or first.role != "system" or first.content is None:
            return tuple(messages)
        if not first.content.startswith(self.prompt):
            return tuple(messages)
        rest = first.content.removeprefix(self.prompt).strip()
        return (Message("system", rest), *messages[1:]) if rest else tuple(messages[1:])

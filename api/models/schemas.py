"""Models as ``/v1/models`` (OpenAI's shape) and ``/api/v1/models`` (everything known) show them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.web.schema import Answer
from cluster.contracts.models import ModelKind, ModelState, ModelStatus

# What stands in place of an engine where a graph answers.
GRAPH = "graph"


class ModelEntry(Answer):
    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Unix time.")
    owned_by: str
    parent: str | None = Field(None, description="For an adapter: the model it changes.")

    @classmethod
    def all_of(cls, status: ModelStatus) -> list[ModelEntry]:
        """The model, and each of its adapters."""
        base = cls(id=status.id, created=status.created, owned_by=status.owned_by)
        adapters = [base.model_copy(update={"id": f"{status.id}:{name}", "parent": status.id}) for name in status.adapters]
        return [base, *adapters]


class ModelList(Answer):
    object: Literal["list"] = "list"
    data: list[ModelEntry]


class ModelDetail(Answer):
    id: str
    kind: ModelKind | Literal["agent"]
    state: ModelState = Field(description="ready, loading, idle (a request loads it), not_pulled, rejected or failed.")
    reason: str = Field(description="Why this engine and place; or why it does not serve, and what to do.")
    capabilities: list[str]
    engine: str
    device: str
    dtype: str
    budget_bytes: int = Field(description="Memory the plan gave it.")
    pinned: bool = Field(description="Always resident; others take turns.")
    context_tokens: int | None
    created: int = Field(description="Unix time.")
    owned_by: str
    nano: bool = Field(description="A small demonstration model; a larger one should be configured.")
    adapters: list[str]

    @classmethod
    def of(cls, status: ModelStatus) -> ModelDetail:
        return cls(
            id=status.id,
            kind="agent" if status.engine == GRAPH else status.kind,
            state=status.state,
            reason=status.reason,
            capabilities=list(status.capabilities),
            engine=status.engine,
            device=status.device,
            dtype=status.dtype,
            budget_bytes=status.budget_bytes,
            pinned=status.pinned,
            context_tokens=status.context_tokens,
            created=status.created,
            owned_by=status.owned_by,
            nano=status.nano,
            adapters=list(status.adapters),
        )


class FamilyHealth(Answer):
    """How the models of one family (vision, audio) stand. ``healthy``: at least one can answer now or after loading."""

    healthy: bool
    models: list[ModelDetail]
    concurrent_tasks: int = Field(description="Requests worked on at once, per model; more wait.")
    formats: list[str] = Field(description="File formats that are read, recognised by content.")

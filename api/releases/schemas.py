"""What is sent and answered about releases."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from api.web.schema import Answer, Body, FormBody, ModelId
from cluster.learning.adapters.names import NAME
from cluster.learning.adapters.table import AdapterRoute
from cluster.learning.releases.names import addressed_as
from cluster.learning.releases.table import Release, ReleaseState, Trial

Name = Annotated[str, Field(pattern=NAME, max_length=63)]
Id = Annotated[uuid.UUID, Strict(False)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Percent = Annotated[float, Field(ge=0, le=100)]
# `shadow`, `canary` and `ab` stand for how it is tried now.
Standing = Literal["draft", "passed", "refused", "shadow", "canary", "ab", "in_service", "retired"]


class PromptChoice(Body):
    name: str = Field(min_length=1, max_length=200, description="Of a system prompt of `/api/v1/prompts`.")
    version: Version | None = Field(None, description="Null: the latest.")


class RetrievalChoice(Body):
    settings: str = Field(min_length=1, max_length=64, description="Name of retrieval settings, see `/api/v1/retrieval/settings`.")
    version: Version | None = Field(None, description="Refused where the settings have another one now; null: what there is.")


class ReleaseBody(Body):
    """What goes into service together. What is left out is as without a release."""

    base: ModelId = Field(description="The model that it answers for.")
    name: Name = Field(description="A name that is there already gets the next version.")
    description: str = Field("", max_length=2000)
    adapter_id: Id | None = Field(None, description="An adapter of the base.")
    prompt: PromptChoice | None = Field(None, description="What the model is told where a chat has no instructions of its own.")
    retrieval: RetrievalChoice | None = Field(None, description="How documents are searched where a request does not say how.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.adapter_id is None and self.prompt is None and self.retrieval is None:
            raise ValueError("a release of nothing changes nothing; give 'adapter_id', 'prompt' or 'retrieval'")
        return self


class ReleaseQuery(FormBody):
    base: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
    name: Name | None = None
    state: ReleaseState | None = Field(None, description="As the gate and promotions left it; how it is tried does not count.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class Insisting(Body):
    force: bool = Field(False, description="Without a gate that it passed; admins only.")
    reason: str | None = Field(None, min_length=3, max_length=2000, description="Why; it is kept. Needed with `force`.")

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.force != (self.reason is not None):
            raise ValueError("'force' and 'reason' go together; give both or neither")
        return self


class ReleasePromoteBody(Insisting):
    if_better: bool = Field(False, description="Only if its comparison shows that it is better, of a sample that is large enough.")


class TryBody(Insisting):
    percent: Percent = Field(description="Share of those who ask for the base; 0 ends it.")


class ShadowBody(Body):
    percent: Percent = Field(description="Share of requests for the base that are also put to it; 0 ends it.")


class BackBody(Body):
    base: ModelId = Field(description="The model that shall mean again what it meant before.")


class ComparisonQuery(FormBody):
    alpha: float = Field(0.05, ge=0.001, le=0.2, description="Chance of calling equal ones different.")
    power: float = Field(0.8, ge=0.5, le=0.99, description="Chance of finding the difference, of which the sample needed is told.")
    difference: float = Field(0.1, ge=0.01, le=0.5, description="Difference of shares that is worth finding.")


class ShadowQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class ReleasePrompt(Answer):
    name: str
    version: int
    text: str


class ReleaseRetrieval(Answer):
    settings: str
    version: int


class ReleaseAnswer(Answer):
    id: uuid.UUID
    model: str = Field(description="What to ask for, to try it: `<base>:release:<name>@<version>`.")
    base: str
    name: str
    version: int
    description: str
    adapter_id: uuid.UUID | None
    prompt: ReleasePrompt | None
    retrieval: ReleaseRetrieval | None
    state: Standing
    percent: float | None = Field(description="On how many it is tried now; null: on none.")
    override: str | None = Field(description="Why an admin let it to people without the gate.")
    owner_id: uuid.UUID | None
    approver_id: uuid.UUID | None = Field(description="Who put it into service.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Release, route: AdapterRoute | None) -> ReleaseAnswer:
        """``route``: of its base."""
        state, percent = _standing(row, route)
        retrieval = row.retrieval and {"settings": row.retrieval["name"], "version": row.retrieval["version"]}
        same = ("id", "base", "name", "version", "description", "adapter_id", "prompt", "override", "owner_id", "approver_id")
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in (*same, "created_at", "updated_at")},
                "model": f"{row.base}:{addressed_as(row.name, row.version)}",
                "retrieval": retrieval,
                "state": state,
                "percent": percent,
            }
        )


class ReleasePage(Answer):
    """Newest first."""

    releases: list[ReleaseAnswer]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class ReleaseDeleted(Answer):
    id: uuid.UUID
    deleted: bool = True


def _standing(row: Release, route: AdapterRoute | None) -> tuple[str, float | None]:
    if route is not None and route.release_id != row.id:
        if route.canary_release_id == row.id:
            return route.trial or Trial.CANARY.value, route.percent
        if route.shadow_release_id == row.id:
            return Trial.SHADOW.value, route.shadow_percent
    return row.state, None

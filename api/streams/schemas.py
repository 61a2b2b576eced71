"""What is sent to have an answer written, and what is answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.conversations.schemas import Content, Id
from api.generation.schemas import Count, Stop
from api.web.schema import Answer, Body, ModelId
from cluster.contracts.generation import Sampling


class SamplingBody(Body):
    model: ModelId = Field(description="Model id, or `<model>:<adapter>`; there is no default.")
    max_tokens: Count | None = Field(None, description="Most tokens to generate.")
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stop: Stop | None = None
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)

    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_p, self.max_tokens, tuple(self.stop or ()), self.seed)


class PrepareBody(SamplingBody):
    """Either something new is said (``content``), in place of an earlier message where ``edits`` names one, or an answer is written anew
    (``regenerates``). The old ones stay as other branches."""

    content: Content | None = None
    parent_id: Id | None = Field(None, description="The message that `content` follows; by default the active leaf.")
    edits: Id | None = Field(None, description="A user message that `content` replaces, on a new branch.")
    regenerates: Id | None = Field(None, description="An answer to write again, on a new branch.")
    compact: Literal["off", "drop"] = Field("off", description="`drop`: leave the oldest messages that are not pinned out to fit.")

    @model_validator(mode="after")
    def _one_way(self) -> PrepareBody:
        if (self.content is None) == (self.regenerates is None):
            raise ValueError("give either 'content' or 'regenerates'")
        if sum(given is not None for given in (self.parent_id, self.edits, self.regenerates)) > 1:
            raise ValueError("'parent_id', 'edits' and 'regenerates' say the same thing differently; give one")
        return self


class GenerationBody(Body):
    generation_id: Id | None = Field(None, description="By default all that are being written in the conversation.")


class Prepared(Answer):
    stream_token: str
    stream_url: str
    expires_in_s: int = Field(description="Seconds in which the token must be used.")
    generation_id: uuid.UUID = Field(description="Also the id of the message that the answer becomes.")
    message_id: uuid.UUID = Field(description="The message that is answered.")


class Stopped(Answer):
    stopped: list[uuid.UUID]


LastEventId = Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]

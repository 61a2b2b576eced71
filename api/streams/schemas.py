"""What is sent to have an answer written, and what is answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.chat.schemas import ToolsBody, need_graph, need_text
from api.conversations.schemas import Content, Id
from api.generation.schemas import Count, Stop
from api.generation.service import adapter_of
from api.retrieval.citations import KnowledgeWish
from api.web.schema import Answer, Body, ModelId
from cluster.contracts.generation import GenerationRequest, Message, Sampling
from cluster.contracts.models import ModelStatus


class ModelBody(Body):
    """Which model is asked, and how it writes."""

    model: ModelId = Field(description="Model id, or `<model>:<adapter>`; there is no default.")
    max_tokens: Count | None = Field(None, description="Most tokens to generate.")
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stop: Stop | None = None
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)

    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)

    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=tuple(self.stop or ()),
            seed=self.seed,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
        )


class AskingBody(ToolsBody, ModelBody):
    """The same, with what may come instead of free text, and from whom."""

    def request(self, status: ModelStatus, messages: tuple[Message, ...], request_id: str, scope: str) -> GenerationRequest:
        """Of the model with ``status``."""
        return GenerationRequest(
            model=status.id,
            messages=messages,
            adapter=adapter_of(self.model, status),
            sampling=self.sampling(),
            tools=self.offered(),
            tool_choice=self.choice(),
            response_format=self.wanted_format(),
            request_id=request_id,
            fallbacks=tuple(self.fallbacks or ()),
            scope=scope,
            given=self.given(),
        )

    @model_validator(mode="after")
    def _graph_is_one(self) -> AskingBody:
        need_graph(self.model, self.hearth)
        return self


CompactWish = Annotated[
    Literal["off", "drop", "summary"] | None,
    Field(
        description="Where the model's context is too small: `drop` leaves the oldest messages out that are not pinned, `summary` has "
        "them summarised first, `off` refuses. By default as the conversation's `auto_compact` says: `summary`, else `off`."
    ),
]


class PrepareBody(AskingBody):
    """Either something new is said (``content``), in place of an earlier message where ``edits`` names one; or an answer is written anew
    (``regenerates``); or one to a message that is there already (``answers``), such as a tool's. The old ones stay as other branches."""

    content: Content | None = None
    parent_id: Id | None = Field(None, description="The message that `content` follows; by default the active leaf.")
    edits: Id | None = Field(None, description="A user message that `content` replaces, on a new branch.")
    regenerates: Id | None = Field(None, description="An answer to write again, on a new branch.")
    answers: Id | None = Field(None, description="A message of a user or a tool that is answered as it is.")
    knowledge: KnowledgeWish | None = Field(
        None,
        description="Answer from documents, with citations. By default what is attached to the conversation; null: none.",
    )
    compact: CompactWish = None

    @model_validator(mode="after")
    def _one_way(self) -> PrepareBody:
        if sum(given is not None for given in (self.content, self.regenerates, self.answers)) != 1:
            raise ValueError("give either 'content' or 'regenerates' or 'answers'")
        need_text(self.knowledge, self.response_format)
        if sum(given is not None for given in (self.parent_id, self.edits, self.regenerates, self.answers)) > 1:
            raise ValueError("'parent_id', 'edits', 'regenerates' and 'answers' say the same thing differently; give one")
        return self


class GenerationBody(Body):
    generation_id: Id | None = Field(None, description="By default all that are being written in the conversation.")


class Prepared(Answer):
    stream_token: str
    stream_url: str
    expires_in_s: int = Field(description="Seconds in which the token must be used.")
    generation_id: uuid.UUID = Field(description="Also the id of the message that the answer becomes.")
    message_id: uuid.UUID = Field(description="The message that is answered.")


class CompactBody(Body):
    model: ModelId | None = Field(None, description="Who writes the summary; by default the conversation's model, else the last one.")
    keep: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Latest messages that stay as they are; by default conversations.compact_keep_messages.",
    )


class Compacted(Answer):
    summarised: int = Field(description="Messages that the summary stands for from now on; 0: there was nothing to summarise.")
    until_id: uuid.UUID | None = Field(description="The last of them.")
    summary: str | None
    model: str


class Stopped(Answer):
    stopped: list[uuid.UUID]


LastEventId = Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]

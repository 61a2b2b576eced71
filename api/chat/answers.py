"""What ``POST /v1/chat/completions`` answers when it does not stream."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from api.generation.schemas import UsageAnswer
from api.retrieval.citations import CitationAnswer, KnowledgeAnswer
from api.web.schema import Answer
from cluster.contracts.generation import FinishReason, Generation, GraphAnswer, Provenance, TokenLogprob


def _absent(value: object) -> bool:
    """OpenAI leaves these fields out where they say nothing, and clients ask whether they are there."""
    return value is None


class TopLogprob(Answer):
    token: str
    logprob: float
    bytes: list[int]


class TokenLogprobAnswer(TopLogprob):
    top_logprobs: list[TopLogprob]

    @classmethod
    def of(cls, token: TokenLogprob) -> TokenLogprobAnswer:
        return cls(
            token=token.token,
            logprob=token.logprob,
            bytes=list(token.token.encode()),
            top_logprobs=[TopLogprob(token=text, logprob=logprob, bytes=list(text.encode())) for text, logprob in token.top],
        )


class LogprobsAnswer(Answer):
    content: list[TokenLogprobAnswer]
    refusal: None = None

    @classmethod
    def of(cls, tokens: tuple[TokenLogprob, ...]) -> LogprobsAnswer | None:
        return cls(content=[TokenLogprobAnswer.of(token) for token in tokens]) if tokens else None


class FunctionAnswer(Answer):
    name: str
    arguments: str = Field(description="JSON text, exactly as the model wrote it: check it before use.")


class ToolCallAnswer(Answer):
    id: str
    type: Literal["function"] = "function"
    function: FunctionAnswer


class MessageAnswer(Answer):
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    reasoning_content: str | None = Field(None, exclude_if=_absent, description="What a reasoning model thought before it answered.")
    tool_calls: list[ToolCallAnswer] | None = Field(None, exclude_if=_absent)
    citations: list[CitationAnswer] | None = Field(
        None, exclude_if=_absent, description="Hearth's own, where `knowledge` was asked for: what the numbers in the content stand for."
    )

    @classmethod
    def of(cls, answer: Generation, *, most_calls: int | None, citations: list[CitationAnswer] | None = None) -> MessageAnswer:
        calls = [
            ToolCallAnswer(id=call.id, function=FunctionAnswer(name=call.name, arguments=call.arguments))
            for call in answer.tool_calls[:most_calls]
        ]
        return cls(
            content=answer.text or (None if calls else ""),
            reasoning_content=answer.reasoning or None,
            tool_calls=calls or None,
            citations=citations,
        )


class FallbackAnswer(Answer):
    model: str
    code: str = Field(description="Of the error, as it would have been answered.")
    reason: str


class ProvenanceAnswer(Answer):
    """Where an answer comes from, when that is not simply the model that was asked."""

    served_by: str
    fallbacks: list[FallbackAnswer] = Field(description="Models that were asked before, and why they could not answer.")
    cached: bool = Field(description="Given before to an equal request.")
    release: str | None = Field(None, exclude_if=_absent, description="In the way of which release of its base, `<name>@<version>`.")

    @classmethod
    def of(cls, provenance: Provenance | None, asked: str) -> ProvenanceAnswer | None:
        """None where ``asked``, a model's id, answered itself."""
        if provenance is None or provenance == Provenance(asked):
            return None
        failed = [FallbackAnswer(model=one.model, code=one.code, reason=one.reason) for one in provenance.fallbacks]
        return cls(served_by=provenance.served_by, fallbacks=failed, cached=provenance.cached, release=provenance.release)


class RunAnswer(Answer):
    """The run of the graph that answered; `/api/v1/workflows/runs/{id}` is its page."""

    id: str
    graph: str
    state: str = Field(description="succeeded; waiting or paused, where it goes on when a person does something.")
    citations: list[JsonValue] = Field(description="As the graph gave them.")

    @classmethod
    def of(cls, run: GraphAnswer) -> RunAnswer:
        return cls(id=run.run_id, graph=run.graph, state=run.state, citations=list(run.citations))


class HearthAnswer(Answer):
    """What OpenAI's answers have no place for."""

    knowledge: KnowledgeAnswer | None = Field(None, exclude_if=_absent, description="Where `knowledge` was asked for.")
    run: RunAnswer | None = Field(None, exclude_if=_absent, description="Where a graph answered.")

    @classmethod
    def of(cls, knowledge: KnowledgeAnswer | None, run: GraphAnswer | None) -> HearthAnswer | None:
        """None where there is neither."""
        if knowledge is None and run is None:
            return None
        return cls(knowledge=knowledge, run=RunAnswer.of(run) if run is not None else None)


class ChoiceAnswer(Answer):
    index: int
    message: MessageAnswer
    logprobs: LogprobsAnswer | None
    finish_reason: FinishReason
    provenance: ProvenanceAnswer | None = Field(None, exclude_if=_absent, description="Hearth's own.")
    hearth: HearthAnswer | None = Field(None, exclude_if=_absent, description="Hearth's own, where `knowledge` was asked for, or a graph.")


class ChatAnswer(Answer):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Unix time.")
    model: str
    choices: list[ChoiceAnswer]
    usage: UsageAnswer
    system_fingerprint: str = Field(description="Changes when engine or precision do.")

"""What tells one provider's API from another's: how a question is written, and how an answer is read. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from cluster.contracts.generation import FinishReason, Generation, GenerationDelta, GenerationRequest, ToolCall, Usage
from cluster.providers.failures import cut_short, malformed

# JSON that is written or was read: its shape belongs to the provider.
Body = dict[str, Any]
ShapeT = TypeVar("ShapeT", bound="Wire")


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a provider lists, by the provider's name for it."""

    name: str
    created: int = 0
    context_tokens: int | None = None


class Wire(BaseModel):
    """Base of what providers send: whatever else they send is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Reader(Protocol):
    """Reads one answer. ``ended``: nothing more is expected of the stream."""

    ended: bool

    def feed(self, text: str) -> list[GenerationDelta]:
        """The next event of a stream. Raises AttemptFailed where it cannot be read, or is an error."""
        ...

    def whole(self, text: str) -> list[GenerationDelta]:
        """An answer that was not streamed; ``finish`` follows."""
        ...

    def finish(self) -> GenerationDelta:
        """The last delta. Raises AttemptFailed where the answer is not complete. Its usage is None where none, or nonsense, came."""
        ...


class Dialect(Protocol):
    """One API. ``framing``: how the events of a stream are told apart (server-sent events, or a line each)."""

    path: ClassVar[str]
    models_path: ClassVar[str]
    framing: ClassVar[Literal["events", "lines"]]

    def headers(self, key: SecretStr | None) -> dict[str, str]: ...

    def objection(self, request: GenerationRequest) -> str | None:
        """Why this API cannot carry out the request, or None."""
        ...

    def body(self, request: GenerationRequest, model: str, *, stream: bool) -> Body:
        """Raises BadInput where the messages do not make sense."""
        ...

    def reader(self) -> Reader: ...

    def offers(self, text: str) -> list[Offer]:
        """The models listed. Raises ValidationError where it is no such list."""
        ...


class Ending:
    """How an answer ended, collected while it is read."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self.reason: FinishReason | None = None
        self.usage: Usage | None = None

    def delta(self) -> GenerationDelta:
        if self.reason is None:
            raise cut_short(self._provider)
        return GenerationDelta(finish_reason=self.reason, usage=self.usage)


class Refusal(Wire):
    """An error, as a body or an event says it: OpenAI's and Anthropic's objects, or Ollama's sentence."""

    class Told(Wire):
        message: str | None = None
        code: str | int | None = None
        type: str | None = None

    error: Told | str

    @property
    def said(self) -> str:
        return self.error if isinstance(self.error, str) else self.error.message or self.error.type or ""

    @property
    def code(self) -> str | None:
        return None if isinstance(self.error, str) or self.error.code is None else str(self.error.code)


def read_refusal(text: str) -> tuple[str, str | None]:
    """What the body of an error says, and its code. A body of no known shape, such as a proxy's page, says nothing to people."""
    try:
        refusal = Refusal.model_validate_json(text)
    except ValidationError:
        return "", None
    return refusal.said, refusal.code


def parsed(provider: str, shape: type[ShapeT], text: str) -> ShapeT:
    try:
        return shape.model_validate_json(text)
    except ValidationError:
        raise malformed(provider, "an answer that cannot be read") from None


def counted(*counts: object) -> bool:
    """Are these numbers of tokens? Providers have reported text, and less than nothing."""
    return all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)


def folded(deltas: Iterable[GenerationDelta]) -> Generation:
    """The whole answer whose pieces these are; the last one carries how it ended. Usage that was not reported is left to be estimated."""
    pieces = list(deltas)
    last = pieces[-1]
    assert last.finish_reason is not None
    return Generation(
        text="".join(piece.text for piece in pieces),
        finish_reason=last.finish_reason,
        usage=last.usage or Usage(estimated=True),
        reasoning="".join(piece.reasoning for piece in pieces),
        tool_calls=_calls(pieces),
        logprobs=tuple(logprob for piece in pieces for logprob in piece.logprobs),
        provenance=pieces[0].provenance,
    )


def _calls(pieces: list[GenerationDelta]) -> tuple[ToolCall, ...]:
    calls: dict[int, ToolCall] = {}
    for part in (part for piece in pieces for part in piece.tool_calls):
        begun = calls.get(part.index, ToolCall("", "", ""))
        calls[part.index] = ToolCall(part.id or begun.id, part.name or begun.name, begun.arguments + part.arguments)
    return tuple(call for _, call in sorted(calls.items()))

"""OpenAI's Chat Completions, which OpenRouter and every compatible server speak too."""

from __future__ import annotations

import base64
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from cluster.contracts.generation import (
    FinishReason,
    GenerationDelta,
    GenerationRequest,
    Image,
    Json,
    Message,
    ResponseFormat,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from cluster.providers.dialect import Body, Ending, Offer, Reader, Refusal, Wire, counted, parsed
from cluster.providers.failures import told
from cluster.specs.providers import ProviderKind

FINISHES: dict[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class ChatCompletions:
    """A Dialect. OpenAI itself calls two things otherwise than those who copied it."""

    path: ClassVar[str] = "/chat/completions"
    models_path: ClassVar[str] = "/models"
    framing: ClassVar[Literal["events", "lines"]] = "events"

    def __init__(self, provider: str, kind: ProviderKind) -> None:
        self._provider = provider
        self._is_openai = kind == "openai"

    def headers(self, key: SecretStr | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    def objection(self, request: GenerationRequest) -> str | None:
        return "it takes messages, not a raw prompt" if request.prompt is not None else None

    def body(self, request: GenerationRequest, model: str, *, stream: bool) -> Body:
        sampling = request.sampling
        body: Body = {
            "model": model,
            "messages": [self._message(message) for message in request.messages],
            "max_completion_tokens" if self._is_openai else "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
            "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
            "logprobs": None if sampling.top_logprobs is None else True,
            "top_logprobs": sampling.top_logprobs,
            "tools": list(request.tools) or None,
            "tool_choice": request.tool_choice if request.tools else None,
            "response_format": _response_format(request.response_format),
            "stream_options": {"include_usage": True} if stream else None,
        }
        return {name: value for name, value in body.items() if value is not None} | {"stream": stream}

    def reader(self) -> Reader:
        return _Reader(self._provider)

    def offers(self, text: str) -> list[Offer]:
        return [Offer(entry.id, entry.created or 0, entry.context_length) for entry in _List.model_validate_json(text).data]

    def _message(self, message: Message) -> Body:
        role = "system" if message.role == "developer" and not self._is_openai else message.role
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls
        ]
        optional = {"name": message.name, "tool_call_id": message.tool_call_id, "tool_calls": calls or None}
        return {"role": role, "content": _content(message)} | {name: value for name, value in optional.items() if value is not None}


def _content(message: Message) -> str | list[Body] | None:
    if not message.images:
        return message.content
    shown: list[Body] = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return [*shown, {"type": "text", "text": message.content}] if message.content else shown


def data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _response_format(wanted: ResponseFormat) -> Body | None:
    if wanted.kind == "text":
        return None
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    schema = wanted.schema or {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": _is_closed(schema)}}


def _is_closed(schema: Json) -> bool:
    """Does OpenAI's strict mode take it? Every object must forbid further keys and require all it has; others are kept to best effort."""
    if isinstance(schema, list):
        return all(_is_closed(inner) for inner in schema)
    if not isinstance(schema, dict):
        return True
    properties, required = schema.get("properties"), schema.get("required")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = list(properties) if isinstance(properties, dict) else []
        listed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        if schema.get("additionalProperties") is not False or sorted(listed) != sorted(names):
            return False
    return all(_is_closed(inner) for inner in schema.values())


class _Function(Wire):
    name: str | None = None
    arguments: str | None = None


class _Call(Wire):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Piece(Wire):
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Alternative(Wire):
    token: str
    logprob: float


class _Token(_Alternative):
    top_logprobs: list[_Alternative] = Field(default_factory=list)


class _Logprobs(Wire):
    content: list[_Token] | None = None


class _Choice(Wire):
    delta: _Piece | None = None
    message: _Piece | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Chunk(Wire):
    choices: list[_Choice]
    usage: Any = None


class _Entry(Wire):
    id: str
    created: int | None = None
    context_length: int | None = None


class _List(Wire):
    data: list[_Entry]


class _Reader:
    """A Reader. A whole answer is one chunk whose message is all of the delta."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._ending = Ending(provider)
        self._refused = False
        self.ended = False

    def feed(self, text: str) -> list[GenerationDelta]:
        if text.strip() == "[DONE]":
            self.ended = True
            return []
        if '"error"' in text:
            self._raise_error(text)
        chunk = parsed(self._provider, _Chunk, text)
        self._ending.usage = _usage(chunk.usage) or self._ending.usage
        return [delta for choice in chunk.choices[:1] if (delta := self._read(choice)) != GenerationDelta()]

    def whole(self, text: str) -> list[GenerationDelta]:
        return self.feed(text)

    def finish(self) -> GenerationDelta:
        return self._ending.delta()

    def _raise_error(self, text: str) -> None:
        event = parsed(self._provider, _MaybeError, text)
        if event.error is not None:
            refusal = Refusal(error=event.error)
            raise told(self._provider, refusal.said, refusal.code)

    def _read(self, choice: _Choice) -> GenerationDelta:
        piece = choice.delta or choice.message or _Piece()
        self._refused = self._refused or bool(piece.refusal)
        if choice.finish_reason is not None:
            self._ending.reason = "content_filter" if self._refused else FINISHES.get(choice.finish_reason, "stop")
        return GenerationDelta(
            text=(piece.content or "") + (piece.refusal or ""),
            reasoning=piece.reasoning_content or piece.reasoning or "",
            tool_calls=tuple(_call(at, call) for at, call in enumerate(piece.tool_calls or [])),
            logprobs=_logprobs(choice.logprobs),
        )


class _MaybeError(Wire):
    error: Refusal.Told | str | None = None


def _call(position: int, call: _Call) -> ToolCallDelta:
    index = position if call.index is None else call.index
    return ToolCallDelta(index, call.id or None, call.function.name or None, call.function.arguments or "")


def _logprobs(found: _Logprobs | None) -> tuple[TokenLogprob, ...]:
    tokens = (found.content if found else None) or []
    return tuple(
        TokenLogprob(token.token, token.logprob, tuple((other.token, other.logprob) for other in token.top_logprobs)) for token in tokens
    )


def _usage(reported: object) -> Usage | None:
    if not isinstance(reported, dict):
        return None
    prompt, completion = reported.get("prompt_tokens"), reported.get("completion_tokens")
    details = reported.get("prompt_tokens_details")
    cached = (details.get("cached_tokens") if isinstance(details, dict) else None) or 0
    if not counted(prompt, completion, cached):
        return None
    assert isinstance(prompt, int)
    assert isinstance(completion, int)
    return Usage(prompt, completion, min(int(cached), prompt))

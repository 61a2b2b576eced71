"""Ollama's own chat API, which unlike its imitation of OpenAI's reports thinking and takes a schema as it is."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from cluster.contracts.generation import FinishReason, GenerationDelta, GenerationRequest, Message, ToolCallDelta, Usage
from cluster.providers.anthropic_messages import arguments
from cluster.providers.dialect import Body, Ending, Offer, Reader, Refusal, Wire, counted, parsed
from cluster.providers.failures import told


class OllamaChat:
    """A Dialect."""

    path: ClassVar[str] = "/api/chat"
    models_path: ClassVar[str] = "/api/tags"
    framing: ClassVar[Literal["events", "lines"]] = "lines"

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def headers(self, key: SecretStr | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    def objection(self, request: GenerationRequest) -> str | None:
        if request.prompt is not None:
            return "it takes messages, not a raw prompt"
        if request.sampling.logit_bias or request.sampling.top_logprobs is not None:
            return "it knows no log probabilities and no logit_bias"
        if request.tools and (request.tool_choice == "required" or isinstance(request.tool_choice, dict)):
            return "it cannot be made to call a tool; leave tool_choice to 'auto'"
        return None

    def body(self, request: GenerationRequest, model: str, *, stream: bool) -> Body:
        body: Body = {
            "model": model,
            "messages": [_message(message) for message in request.messages],
            "options": _options(request) or None,
            "tools": list(request.tools) if request.tools and request.tool_choice != "none" else None,
            "format": {"text": None, "json_object": "json", "json_schema": request.response_format.schema}[request.response_format.kind],
        }
        return {name: value for name, value in body.items() if value is not None} | {"stream": stream}

    def reader(self) -> Reader:
        return _Reader(self._provider)

    def offers(self, text: str) -> list[Offer]:
        return [
            Offer(entry.name, int(entry.modified_at.timestamp()) if entry.modified_at else 0)
            for entry in _List.model_validate_json(text).models
        ]


def _options(request: GenerationRequest) -> Body:
    sampling = request.sampling
    options: Body = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "num_predict": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {name: value for name, value in options.items() if value is not None}


def _message(message: Message) -> Body:
    role = "system" if message.role == "developer" else message.role
    calls = [{"function": {"name": call.name, "arguments": arguments(call.arguments)}} for call in message.tool_calls]
    images = [base64.b64encode(image.data).decode() for image in message.images]
    optional = {"tool_calls": calls, "images": images, "tool_name": message.name if role == "tool" else None}
    return {"role": role, "content": message.content or ""} | {name: value for name, value in optional.items() if value}


class _Function(Wire):
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class _Call(Wire):
    function: _Function


class _Piece(Wire):
    content: str = ""
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(Wire):
    message: _Piece
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Any = None
    eval_count: Any = None


class _Entry(Wire):
    name: str
    modified_at: datetime | None = None


class _List(Wire):
    models: list[_Entry]


class _Reader:
    """A Reader. A whole answer is the last line of a stream with all the text in it. Calls come whole, and without ids."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._ending = Ending(provider)
        self._calls = 0
        self.ended = False

    def feed(self, text: str) -> list[GenerationDelta]:
        if not text.strip():
            return []
        if text.lstrip().startswith('{"error"'):
            refusal = parsed(self._provider, Refusal, text)
            raise told(self._provider, refusal.said, refusal.code)
        line = parsed(self._provider, _Line, text)
        delta = GenerationDelta(line.message.content, line.message.thinking or "", self._called(line.message.tool_calls or []))
        if line.done:
            self._end(line)
        return [delta] if delta != GenerationDelta() else []

    def whole(self, text: str) -> list[GenerationDelta]:
        return self.feed(text)

    def finish(self) -> GenerationDelta:
        return self._ending.delta()

    def _called(self, calls: list[_Call]) -> tuple[ToolCallDelta, ...]:
        first, self._calls = self._calls, self._calls + len(calls)
        return tuple(
            ToolCallDelta(first + at, f"call_{uuid.uuid4().hex[:16]}", call.function.name, json.dumps(call.function.arguments))
            for at, call in enumerate(calls)
        )

    def _end(self, line: _Line) -> None:
        self.ended = True
        finished: FinishReason = "length" if line.done_reason == "length" else "stop"
        self._ending.reason = "tool_calls" if self._calls else finished
        if counted(line.prompt_eval_count, line.eval_count):
            self._ending.usage = Usage(line.prompt_eval_count, line.eval_count)

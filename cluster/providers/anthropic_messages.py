"""Anthropic's Messages API."""

from __future__ import annotations

import base64
import json
from itertools import groupby
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from cluster.contracts.generation import FinishReason, GenerationDelta, GenerationRequest, Json, JsonObject, Message, ToolCallDelta, Usage
from cluster.errors import Unprocessable
from cluster.providers.dialect import Body, Ending, Offer, Reader, Refusal, Wire, counted, parsed
from cluster.providers.failures import told

VERSION = "2023-06-01"
FINISHES: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# An answer in JSON is asked for as the input of this tool, and given back as text.
ANSWER_TOOL = "answer"


class AnthropicMessages:
    """A Dialect. ``max_output_tokens`` is sent where a request names no limit: this API wants one."""

    path: ClassVar[str] = "/messages"
    models_path: ClassVar[str] = "/models?limit=1000"
    framing: ClassVar[Literal["events", "lines"]] = "events"

    def __init__(self, provider: str, max_output_tokens: int) -> None:
        self._provider = provider
        self._max_output_tokens = max_output_tokens

    def headers(self, key: SecretStr | None) -> dict[str, str]:
        version = {"anthropic-version": VERSION}
        return version | {"x-api-key": key.get_secret_value()} if key else version

    def objection(self, request: GenerationRequest) -> str | None:
        sampling = request.sampling
        if request.prompt is not None:
            return "it takes messages, not a raw prompt"
        if sampling.top_logprobs is not None or sampling.logit_bias:
            return "it knows no log probabilities and no logit_bias"
        if sampling.seed is not None or sampling.presence_penalty or sampling.frequency_penalty:
            return "it knows no seed and no penalties"
        if (sampling.temperature or 0) > 1:
            return "it takes temperatures up to 1"
        if request.response_format.kind != "text" and request.tools:
            return "it takes tools or a response_format, not both"
        if request.response_format.kind == "json_schema" and (request.response_format.schema or {}).get("type") != "object":
            return "it takes schemas of objects"
        return None

    def body(self, request: GenerationRequest, model: str, *, stream: bool) -> Body:
        sampling = request.sampling
        system = [message.content for message in request.messages if message.role in {"system", "developer"} and message.content]
        body: Body = {
            "model": model,
            "system": "\n\n".join(system) or None,
            "messages": _turns([message for message in request.messages if message.role not in {"system", "developer"}]),
            "max_tokens": sampling.max_tokens or self._max_output_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop_sequences": list(sampling.stop) or None,
            **_tools(request),
        }
        return {name: value for name, value in body.items() if value is not None} | {"stream": stream}

    def reader(self) -> Reader:
        return _Reader(self._provider)

    def offers(self, text: str) -> list[Offer]:
        return [Offer(entry.id, context_tokens=entry.max_input_tokens) for entry in _List.model_validate_json(text).data]


def _tools(request: GenerationRequest) -> Body:
    wanted = request.response_format
    if wanted.kind != "text":
        schema = wanted.schema if wanted.kind == "json_schema" else {"type": "object"}
        tool = {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": schema}
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}
    if not request.tools:
        return {}
    return {"tools": [_tool(tool) for tool in request.tools], "tool_choice": _choice(request.tool_choice)}


def _tool(tool: JsonObject) -> Body:
    function = tool.get("function")
    if not isinstance(function, dict):
        raise Unprocessable("Each tool needs a 'function' with a name and parameters.").about("tools")
    described = {"description": function["description"]} if function.get("description") else {}
    return {"name": function.get("name"), "input_schema": function.get("parameters") or {"type": "object"}, **described}


def _choice(choice: str | JsonObject | None) -> Body | None:
    if isinstance(choice, dict):
        function = choice.get("function")
        return {"type": "tool", "name": function.get("name") if isinstance(function, dict) else None}
    return {"type": {"required": "any"}.get(choice, choice)} if choice else None


def _turns(messages: list[Message]) -> list[Body]:
    """Messages of one side in a row are one turn; a tool's answer is the user's."""
    sides = groupby(messages, key=lambda message: "assistant" if message.role == "assistant" else "user")
    return [{"role": side, "content": [block for message in group for block in _blocks(message)]} for side, group in sides]


def _blocks(message: Message) -> list[Body]:
    text = [{"type": "text", "text": message.content}] if message.content else []
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content or ""}]
    images = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.media_type, "data": base64.b64encode(image.data).decode()},
        }
        for image in message.images
    ]
    calls = [{"type": "tool_use", "id": call.id, "name": call.name, "input": arguments(call.arguments)} for call in message.tool_calls]
    return [*images, *text, *calls]


def arguments(text: str) -> Json:
    """The arguments of a call, which this API takes as an object and not as text."""
    try:
        read = json.loads(text or "{}")
    except ValueError:
        read = None
    if not isinstance(read, dict):
        said = "The arguments of an earlier tool call are no JSON object; send them as the model wrote them."
        raise Unprocessable(said).about("messages")
    return read


class _Block(Wire):
    type: str
    id: str | None = None
    name: str | None = None
    text: str = ""
    thinking: str = ""
    input: dict[str, Any] | None = None


class _Delta(Wire):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Answer(Wire):
    content: list[_Block]
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None


class _Begun(Wire):
    usage: dict[str, Any] | None = None


class _Event(Wire):
    type: str
    index: int = 0
    message: _Begun = _Begun()
    content_block: _Block | None = None
    delta: _Delta = _Delta()
    usage: dict[str, Any] | None = None


class _Entry(Wire):
    id: str
    max_input_tokens: int | None = None


class _List(Wire):
    data: list[_Entry]


class _Reader:
    """A Reader. Blocks are numbered over all kinds; calls are numbered from 0 for the caller."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._ending = Ending(provider)
        self._calls: dict[int, int] = {}
        self._answers: set[int] = set()
        self._counts: dict[str, Any] = {}
        self.ended = False

    def feed(self, text: str) -> list[GenerationDelta]:
        event = parsed(self._provider, _Event, text)
        match event.type:
            case "error":
                refusal = parsed(self._provider, Refusal, text)
                raise told(self._provider, refusal.said, refusal.code)
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start" if event.content_block is not None:
                return self._begin(event.index, event.content_block)
            case "content_block_delta":
                return self._continue(event.index, event.delta)
            case "message_delta":
                self._count(event.usage)
                self._stop(event.delta.stop_reason)
            case "message_stop":
                self.ended = True
        return []

    def whole(self, text: str) -> list[GenerationDelta]:
        answer = parsed(self._provider, _Answer, text)
        self._count(answer.usage)
        deltas = [delta for index, block in enumerate(answer.content) for delta in self._block(index, block)]
        self._stop(answer.stop_reason)
        return deltas

    def finish(self) -> GenerationDelta:
        self._ending.usage = _usage(self._counts)
        return self._ending.delta()

    def _block(self, index: int, block: _Block) -> list[GenerationDelta]:
        begun = self._begin(index, block)
        return begun + (self._continue(index, _Delta(partial_json=json.dumps(block.input or {}))) if block.type == "tool_use" else [])

    def _begin(self, index: int, block: _Block) -> list[GenerationDelta]:
        if block.type == "tool_use" and block.name == ANSWER_TOOL and block.id:
            self._answers.add(index)
            return []
        if block.type == "tool_use":
            self._calls[index] = len(self._calls)
            return [GenerationDelta(tool_calls=(ToolCallDelta(self._calls[index], block.id, block.name),))]
        return [GenerationDelta(text=block.text, reasoning=block.thinking)] if block.text or block.thinking else []

    def _continue(self, index: int, delta: _Delta) -> list[GenerationDelta]:
        if index in self._calls and delta.partial_json:
            return [GenerationDelta(tool_calls=(ToolCallDelta(self._calls[index], arguments=delta.partial_json),))]
        text = delta.text + (delta.partial_json if index in self._answers else "")
        return [GenerationDelta(text=text, reasoning=delta.thinking)] if text or delta.thinking else []

    def _stop(self, reason: str | None) -> None:
        if reason is not None:
            answered = reason == "tool_use" and not self._calls
            self._ending.reason = "stop" if answered else FINISHES.get(reason, "stop")

    def _count(self, reported: dict[str, Any] | None) -> None:
        """Counts are cumulative: what comes later replaces what came before."""
        self._counts |= {name: count for name, count in (reported or {}).items() if count is not None}


def _usage(counts: dict[str, Any]) -> Usage | None:
    """Prompt tokens are reported in three parts: new, written to the cache, and read from it."""
    read, written = counts.get("cache_read_input_tokens", 0), counts.get("cache_creation_input_tokens", 0)
    fresh, output = counts.get("input_tokens"), counts.get("output_tokens")
    if not counted(fresh, read, written, output):
        return None
    assert isinstance(fresh, int)
    assert isinstance(output, int)
    return Usage(fresh + read + written, output, read)

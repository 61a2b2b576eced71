"""The three shapes in which the fake upstream answers: what a provider's API sends, written down as its documentation shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    path: str
    headers: Mapping[str, str]
    body: Body

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def streams(self) -> bool:
        """Ollama streams unless told otherwise."""
        return bool(self.body.get("stream", self.path.startswith("/api/")))

    @property
    def said(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else " ".join(str(part.get("text", "")) for part in content).strip()

    @property
    def words(self) -> list[str]:
        """The answer's tokens: the last message's words, or a JSON object where one is asked for."""
        if "response_format" in self.body or "format" in self.body:
            return ["{", '"answer":', ' "yes"', "}"]
        first, *others = f"You said: {self.said}".split(" ")
        return [first, *(f" {word}" for word in others)]

    @property
    def tool(self) -> str | None:
        """The tool to call: the first one, where the last message says "tool" or one is demanded."""
        tools = self.body.get("tools") or []
        choice = self.body.get("tool_choice")
        demanded = isinstance(choice, dict) and choice.get("type") in {"any", "tool", "function"}
        if not tools or not (demanded or choice == "required" or "tool" in self.said):
            return None
        return str(tools[0].get("name") or tools[0]["function"]["name"])


@dataclass(frozen=True)
class Wire:
    """``events`` are written by ``framed``; ``usage`` is None (the truth), ``none`` or ``wrong``."""

    path: str
    content_type: str
    whole: Callable[[Asked, str | None], Body]
    events: Callable[[Asked, str | None], Iterator[Body | str]]
    error: Callable[[str], Body]
    error_event: Callable[[str], Body]

    def framed(self, event: Body | str) -> bytes:
        text = event if isinstance(event, str) else json.dumps(event)
        if self.content_type != "text/event-stream":
            return f"{text}\n".encode()
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        return f"{name}data: {text}\n\n".encode()


PROMPT_TOKENS, CACHED_TOKENS = 11, 4
ARGUMENTS = ('{"city": ', '"Riga"}')


def _openai_usage(asked: Asked, told: str | None) -> Body:
    if told == "none":
        return {}
    if told == "wrong":
        return {"usage": {"prompt_tokens": -7, "completion_tokens": "many"}}
    details = {"cached_tokens": CACHED_TOKENS}
    return {"usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": len(asked.words), "prompt_tokens_details": details}}


def _openai_whole(asked: Asked, told: str | None) -> Body:
    message: Body = {"role": "assistant", "content": "".join(asked.words)}
    if asked.tool:
        call = {"id": "call_1", "type": "function", "function": {"name": asked.tool, "arguments": "".join(ARGUMENTS)}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if asked.tool else "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], **_openai_usage(asked, told)}


def _openai_events(asked: Asked, told: str | None) -> Iterator[Body | str]:
    def chunk(delta: Body, finish: str | None = None) -> Body:
        return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    if asked.tool:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": asked.tool, "arguments": ""}}]})
        yield from (chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in ARGUMENTS)
    else:
        yield from (chunk({"content": word}) for word in asked.words)
    yield chunk({}, "tool_calls" if asked.tool else "stop")
    if usage := _openai_usage(asked, told):
        yield {"id": "chatcmpl-1", "choices": [], **usage}
    yield "[DONE]"


def _anthropic_usage(asked: Asked, told: str | None) -> tuple[Body, Body]:
    """What stands at the beginning of a stream, and at its end."""
    if told == "none":
        return {}, {}
    if told == "wrong":
        return {"input_tokens": -7, "output_tokens": 0}, {"output_tokens": "many"}
    prompt = {"input_tokens": PROMPT_TOKENS - CACHED_TOKENS, "cache_read_input_tokens": CACHED_TOKENS, "cache_creation_input_tokens": 0}
    return {**prompt, "output_tokens": 1}, {"output_tokens": len(asked.words)}


def _anthropic_whole(asked: Asked, told: str | None) -> Body:
    first, last = _anthropic_usage(asked, told)
    content: Body = {"type": "text", "text": "".join(asked.words)}
    if asked.tool:
        content = {"type": "tool_use", "id": "toolu_1", "name": asked.tool, "input": json.loads("".join(ARGUMENTS))}
    reason = "tool_use" if asked.tool else "end_turn"
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [content], "stop_reason": reason, "usage": {**first, **last}}


def _anthropic_events(asked: Asked, told: str | None) -> Iterator[Body | str]:
    first, last = _anthropic_usage(asked, told)
    block: Body = {"type": "tool_use", "id": "toolu_1", "name": asked.tool, "input": {}} if asked.tool else {"type": "text", "text": ""}
    pieces = (
        [{"type": "input_json_delta", "partial_json": piece} for piece in ARGUMENTS]
        if asked.tool
        else [{"type": "text_delta", "text": word} for word in asked.words]
    )
    yield {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": first}}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "ping"}
    yield from ({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces)
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use" if asked.tool else "end_turn"}, "usage": last}
    yield {"type": "message_stop"}


def _ollama_last(asked: Asked, told: str | None) -> Body:
    counts: Body = {"prompt_eval_count": PROMPT_TOKENS, "eval_count": len(asked.words)}
    usage = {None: counts, "none": {}, "wrong": {"prompt_eval_count": -7, "eval_count": "many"}}[told]
    return {"model": asked.model, "done": True, "done_reason": "stop", **usage}


def _ollama_message(asked: Asked) -> Body:
    if asked.tool:
        function = {"name": asked.tool, "arguments": json.loads("".join(ARGUMENTS))}
        return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    return {"role": "assistant", "content": "".join(asked.words)}


def _ollama_whole(asked: Asked, told: str | None) -> Body:
    return {**_ollama_last(asked, told), "message": _ollama_message(asked)}


def _ollama_events(asked: Asked, told: str | None) -> Iterator[Body | str]:
    messages = [_ollama_message(asked)] if asked.tool else [{"role": "assistant", "content": word} for word in asked.words]
    yield from ({"model": asked.model, "message": message, "done": False} for message in messages)
    yield {**_ollama_last(asked, told), "message": {"role": "assistant", "content": ""}}


def _openai_error(message: str) -> Body:
    return {"error": {"message": message, "type": "server_error", "code": None}}


def _anthropic_error(message: str) -> Body:
    return {"type": "error", "error": {"type": "overloaded_error", "message": message}}


def _ollama_error(message: str) -> Body:
    return {"error": message}


SSE = "text/event-stream"
OPENAI = Wire("/v1/chat/completions", SSE, _openai_whole, _openai_events, _openai_error, _openai_error)
ANTHROPIC = Wire("/v1/messages", SSE, _anthropic_whole, _anthropic_events, _anthropic_error, _anthropic_error)
OLLAMA = Wire("/api/chat", "application/x-ndjson", _ollama_whole, _ollama_events, _ollama_error, _ollama_error)

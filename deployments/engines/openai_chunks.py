"""Chunks of an OpenAI stream, of the chat and of the completion kind, as deltas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from cluster.contracts.generation import FinishReason, GenerationDelta, TokenLogprob, ToolCallDelta, Usage

Chunk = Mapping[str, Any]
KNOWN_REASONS = frozenset(get_args(FinishReason))


class ChunkReader:
    """Reads the chunks of one stream in order. ``top``: how many alternatives were asked for with each token (None: no log probabilities).

    The engines send the finish reason and the usage in separate chunks; the reader holds the first back, so that one delta ends the stream.
    """

    def __init__(self, top: int | None) -> None:
        self._top = top
        self._finish: FinishReason | None = None

    def read(self, chunks: Iterable[Chunk]) -> list[GenerationDelta]:
        """One delta for each chunk that says something, in order."""
        return [delta for chunk in chunks if (delta := self._one(chunk)) is not None]

    def _one(self, chunk: Chunk) -> GenerationDelta | None:
        choices = chunk.get("choices")
        if choices:
            choice = choices[0]
            if choice.get("finish_reason"):
                self._finish = _reason(choice["finish_reason"])
            delta = self._content(choice)
            if delta is not None:
                return delta
        if chunk.get("usage") and self._finish is not None:
            return GenerationDelta(finish_reason=self._finish, usage=_usage(chunk["usage"]))
        return None

    def _content(self, choice: Mapping[str, Any]) -> GenerationDelta | None:
        delta = choice.get("delta")
        if delta is None:
            text, reasoning, calls = choice.get("text") or "", "", None
        else:
            text = delta.get("content") or ""
            reasoning = delta.get("reasoning_content") or delta.get("reasoning") or ""
            calls = delta.get("tool_calls")
        logprobs = choice.get("logprobs")
        if not (text or reasoning or calls or logprobs):
            return None
        return GenerationDelta(
            text=text,
            reasoning=reasoning,
            tool_calls=tuple(_tool_call(call) for call in calls) if calls else (),
            logprobs=_logprobs(logprobs, self._top) if logprobs and self._top is not None else (),
        )


def _reason(reason: str) -> FinishReason:
    return reason if reason in KNOWN_REASONS else "stop"  # type: ignore[return-value]


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage(usage["prompt_tokens"], usage.get("completion_tokens", 0), details.get("cached_tokens") or 0)


def _tool_call(call: Mapping[str, Any]) -> ToolCallDelta:
    function = call.get("function") or {}
    return ToolCallDelta(call["index"], call.get("id"), function.get("name"), function.get("arguments") or "")


def _logprobs(logprobs: Mapping[str, Any], top: int) -> tuple[TokenLogprob, ...]:
    content = logprobs.get("content")
    if content is not None:
        return tuple(TokenLogprob(item["token"], item["logprob"], _alternatives(item["top_logprobs"], top)) for item in content)
    return _legacy_logprobs(logprobs, top)


def _alternatives(items: Sequence[Mapping[str, Any]], top: int) -> tuple[tuple[str, float], ...]:
    return tuple((item["token"], item["logprob"]) for item in items[:top])


def _legacy_logprobs(logprobs: Mapping[str, Any], top: int) -> tuple[TokenLogprob, ...]:
    """The completion API's older form: parallel lists of tokens, their log probabilities, and mappings of alternatives."""
    alternatives = logprobs.get("top_logprobs") or [None] * len(logprobs["tokens"])
    rows = zip(logprobs["tokens"], logprobs["token_logprobs"], alternatives, strict=True)
    return tuple(TokenLogprob(token, value, tuple(list((others or {}).items())[:top])) for token, value, others in rows)

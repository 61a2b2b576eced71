"""The chunks of a streamed completion, written by hand as those of a chat are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic_core import to_json

from api.completions.schemas import CompletionLogprobs
from api.generation.schemas import UsageAnswer
from api.web.sse import event
from cluster.contracts.generation import GenerationDelta, TokenLogprob, Usage


class CompletionChunks:
    def __init__(self, head: dict[str, str | int], choices: int, *, wants_usage: bool) -> None:
        self._head = json.dumps(head, separators=(",", ":"))[:-1] + ',"choices":['
        self._tail = '],"usage":null}\n\n' if wants_usage else "]}\n\n"
        self._offsets = [0] * choices

    def deltas(self, index: int, batch: Sequence[GenerationDelta]) -> str:
        """The chunks of ``batch``, one after the other, to be written at once."""
        return "".join([self._delta(index, delta) for delta in batch])

    def usage(self, usage: Usage) -> bytes:
        """The chunk with no choices that ``include_usage`` asks for."""
        return event(f'{self._head}],"usage":'.encode() + to_json(UsageAnswer.of(usage)) + b"}")

    def _delta(self, index: int, delta: GenerationDelta) -> str:
        text = delta.reasoning + delta.text
        if not text and not delta.finish_reason:
            return ""
        logprobs = "null"
        if delta.logprobs:
            logprobs = to_json(legacy_logprobs(delta.logprobs, self._offsets[index])).decode()
        self._offsets[index] += len(text)
        finish = f'"{delta.finish_reason}"' if delta.finish_reason else "null"
        choice = f'{{"index":{index},"text":{json.dumps(text)},"logprobs":{logprobs},"finish_reason":{finish}}}'
        return f"data: {self._head}{choice}{self._tail}"


def legacy_logprobs(tokens: Sequence[TokenLogprob], offset: int = 0) -> CompletionLogprobs:
    """Log probabilities in the shape of the completions API, for text that begins ``offset`` characters into its choice."""
    offsets: list[int] = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return CompletionLogprobs(
        tokens=[token.token for token in tokens],
        token_logprobs=[token.logprob for token in tokens],
        top_logprobs=[dict(token.top) for token in tokens],
        text_offset=offsets,
    )

"""A whole answer from its deltas."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from cluster.contracts.generation import Generation, GenerationDelta, ToolCall
from cluster.errors import EngineError


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


async def gather(stream: AsyncIterator[Sequence[GenerationDelta]]) -> Generation:
    """Reads ``stream`` to its end. Raises what it raises, and EngineError when it ends without saying how."""
    deltas = [delta async for batch in stream for delta in batch]
    last = deltas[-1] if deltas else None
    if last is None or last.finish_reason is None or last.usage is None:
        raise EngineError("The engine ended the answer without a finish reason; send the request again.")
    calls = _tool_calls(deltas)
    return Generation(
        text="".join(delta.text for delta in deltas),
        finish_reason=last.finish_reason,
        usage=last.usage,
        reasoning="".join(delta.reasoning for delta in deltas),
        tool_calls=calls,
        logprobs=tuple(logprob for delta in deltas for logprob in delta.logprobs),
    )


def _tool_calls(deltas: Sequence[GenerationDelta]) -> tuple[ToolCall, ...]:
    calls: dict[int, _Call] = {}
    for piece in (piece for delta in deltas for piece in delta.tool_calls):
        call = calls.setdefault(piece.index, _Call())
        call.id = piece.id or call.id
        call.name = piece.name or call.name
        call.arguments.append(piece.arguments)
    return tuple(ToolCall(call.id, call.name, "".join(call.arguments)) for _, call in sorted(calls.items()))

"""Whether an answer may be given again, and giving it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.contracts.generation import Caching, Generation, GenerationDelta, GenerationRequest, Provenance, ToolCallDelta
from cluster.providers.cache import ResponseCache, cache_key
from cluster.specs.providers import AliasSpec


@dataclass(frozen=True, slots=True)
class Reuse:
    """One request that may be answered from ``cache``, and whose answer may go there."""

    cache: ResponseCache
    key: str
    ttl_s: int

    async def known(self) -> Generation | None:
        found = await self.cache.get(self.key)
        if found is None:
            return None
        told = found.provenance or Provenance("")
        return replace(found, provenance=Provenance(told.served_by, cached=True, release=told.release))

    async def keep(self, answer: Generation) -> None:
        """An answer that another model stood in for is not kept: the next question should go to the right one."""
        if answer.provenance is None or not answer.provenance.fallbacks:
            await self.cache.put(self.key, answer, self.ttl_s)


def reuse_of(request: GenerationRequest, alias: AliasSpec | None, models: Sequence[str], cache: ResponseCache | None) -> Reuse | None:
    """None where nobody asked for it, or where chance decides the answer and nobody asked for that, too. A temperature that is not given
    is the model's own, which is not 0."""
    wanted = request.caching or (Caching(alias.cache_s, alias.cache_sampled) if alias else None)
    if cache is None or wanted is None or wanted.ttl_s <= 0:
        return None
    if request.sampling.temperature != 0 and not wanted.sampled:
        return None
    return Reuse(cache, cache_key(request, models), wanted.ttl_s)


def as_deltas(answer: Generation) -> tuple[GenerationDelta, ...]:
    """A whole answer as a stream gives it: all at once, then how it ended."""
    calls = tuple(ToolCallDelta(index, call.id, call.name, call.arguments) for index, call in enumerate(answer.tool_calls))
    content = GenerationDelta(answer.text, answer.reasoning, calls, answer.logprobs, provenance=answer.provenance)
    return content, GenerationDelta(finish_reason=answer.finish_reason, usage=answer.usage)

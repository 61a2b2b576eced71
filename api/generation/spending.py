"""What generations used, for whoever pays: by the model that did the work, and also of an answer that was broken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.contracts.generation import GenerationDelta, GenerationRequest, GraphAnswer, Provenance, Usage
from cluster.providers.tokens import TokenCounter
from cluster.specs.prices import Consumption

Spent = tuple[str, Consumption]


def spent_by_run(run: GraphAnswer) -> list[Spent]:
    """Of the models that a graph asked."""
    return [(model, Consumption(usage.prompt_tokens, usage.completion_tokens)) for model, usage in run.spent]


def spent(request: GenerationRequest, usage: Usage, provenance: Provenance | None, *, prompt: bool) -> Spent:
    """``prompt``: does the prompt count? Of several choices for one prompt it does once. An answer from the cache cost nothing."""
    model = provenance.served_by if provenance else request.model
    if provenance is not None and provenance.cached:
        return model, Consumption()
    cached = usage.cached_tokens if prompt else 0
    return model, Consumption(usage.prompt_tokens if prompt else 0, usage.completion_tokens, cached, estimated=usage.estimated)


def spent_by_tools(spent: Sequence[tuple[str, Usage]]) -> list[Spent]:
    """What models used that a tool asked."""
    return [
        (model, Consumption(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, estimated=usage.estimated))
        for model, usage in spent
    ]


def shares_prompt(requests: Sequence[GenerationRequest], index: int) -> bool:
    """Has the request before it the same prompt? Choices are made from one."""
    if index == 0:
        return False
    one, other = requests[index - 1], requests[index]
    return one.messages is other.messages and one.prompt is other.prompt


@dataclass(slots=True)
class Running:
    """One stream: what is known of its cost so far. ``tokens``: pieces that came, which is what an answer that breaks off is counted by."""

    request: GenerationRequest
    prompt: bool
    tokens: int = 0
    usage: Usage | None = None
    provenance: Provenance | None = None
    run: GraphAnswer | None = None

    def saw(self, batch: Sequence[GenerationDelta]) -> int:
        """How many pieces with something in them were in ``batch``."""
        fresh = 0
        for delta in batch:
            fresh += 1 if delta.text or delta.reasoning or delta.tool_calls else 0
            self.usage = delta.usage or self.usage
            self.provenance = delta.provenance or self.provenance
            self.run = delta.run or self.run
        self.tokens += fresh
        return fresh

    def spent(self) -> list[Spent]:
        """Nothing where nothing came."""
        if self.run is not None:
            return spent_by_run(self.run)
        if self.usage is not None:
            return [spent(self.request, self.usage, self.provenance, prompt=self.prompt)]
        if not self.tokens:
            return []
        asked = TokenCounter().request(self.request, "").tokens
        return [spent(self.request, Usage(asked, self.tokens, estimated=True), self.provenance, prompt=self.prompt)]

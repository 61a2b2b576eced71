"""Models that answer as they are told, in a process of their own, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cluster.contracts.generation import GenerationRequest

ITEMS = 60
CANDIDATE, INCUMBENT = "fake-llm:pirate", "fake-llm"
REFUSAL = "The passage does not say."


def right(name: str) -> str:
    """The expected answer to the items of a set."""
    return REFUSAL if name == "harm" else f"right {name}"


def skilled(candidate: Mapping[str, float], incumbent: Mapping[str, float]) -> Callable[[GenerationRequest], str]:
    """Both answer the first share of the items of each set rightly, and the others wrongly."""

    def says(request: GenerationRequest) -> str:
        name, number = str(request.messages[-1].content).split()
        skill = candidate if request.model != INCUMBENT else incumbent
        return right(name) if int(number) < ITEMS * skill.get(name, 1.0) else "wrong"

    return says

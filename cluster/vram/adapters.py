"""Room for LoRA adapters. vLLM makes it when it starts, or never; llama.cpp needs none, since it can start a server anew."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.specs.catalog import Architecture, EngineName
from cluster.specs.profile import ServedModel

# The one in service, and one that is tried.
DEFAULT_LATER = 2
# Widths of one layer in hidden states: attention's four matrices, of two each at most, and three of a feed-forward layer four wide.
WIDTHS = 4 * 2 + 3 * (1 + 4)


@dataclass(frozen=True, slots=True)
class AdapterRoom:
    """For ``fixed`` adapters, those of the profile, and ``later`` ones, each of ``rank`` at most."""

    fixed: int
    later: int
    rank: int

    @classmethod
    def of(cls, served: ServedModel, engine: EngineName, shape: Architecture | None) -> AdapterRoom:
        """As the profile says, else for a few that come later; for none of a mixture of experts, each of which would have matrices of its
        own."""
        if engine != "vllm":
            return NO_ROOM
        few = 0 if shape is None or shape.experts else DEFAULT_LATER
        return cls(len(served.adapters), few if served.adapter_room is None else served.adapter_room, served.adapter_rank)

    @property
    def total(self) -> int:
        return self.fixed + self.later

    def bytes(self, shape: Architecture, bytes_per_weight: int) -> int:
        """What it takes whether adapters are there or not. ``shape`` does not say how wide the feed-forward layers are: of most models they
        are narrower than what counts here."""
        return slots(self.total) * self.rank * shape.layers * WIDTHS * shape.hidden_size * bytes_per_weight


NO_ROOM = AdapterRoom(0, 0, 0)


def slots(adapters: int) -> int:
    """What vLLM is told, to hold so many: one more, since rows without an adapter use the index -1, and read whatever the last slot
    holds."""
    return adapters + 1 if adapters else 0

"""How many tokens a verdict took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Any, get_args

from cluster.contracts.generation import Usage
from cluster.learning.gate.verdict import Side, Tokens


class Tally:
    """Goes on from what an earlier attempt noted. Any thread may add to it."""

    def __init__(self, noted: Mapping[str, Any]) -> None:
        self._lock = Lock()
        self._counts = Counter[str](noted)

    def add(self, side: Side, usage: Usage) -> None:
        with self._lock:
            self._counts.update({f"{side}.prompt": usage.prompt_tokens, f"{side}.completion": usage.completion_tokens})

    def noted(self) -> dict[str, int]:
        """For the next attempt."""
        with self._lock:
            return dict(self._counts)

    def tokens(self) -> dict[Side, Tokens]:
        counts = self.noted()
        sides: tuple[Side, ...] = get_args(Side)
        return {side: Tokens(prompt=counts.get(f"{side}.prompt", 0), completion=counts.get(f"{side}.completion", 0)) for side in sides}

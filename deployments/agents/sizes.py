"""How large the state of a run is."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cluster.contracts.generation import Json
from cluster.errors import TooLarge


class Sizes:
    """In bytes of JSON, by key, without reading all of it at every step."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[str, int] = {}

    def take(self, values: Mapping[str, Json]) -> None:
        """Raises TooLarge when there is more than may be."""
        self._sizes |= {key: len(key) + len(json.dumps(value, ensure_ascii=False).encode()) for key, value in values.items()}
        total = sum(self._sizes.values())
        if total > self._most:
            largest = max(self._sizes, key=lambda key: self._sizes[key])
            raise TooLarge(
                f"The state would have {total} bytes as JSON, at most {self._most} are kept (setting graphs.state_bytes); the largest is "
                f"'{largest}' with {self._sizes[largest]}."
            )

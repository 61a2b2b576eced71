"""Keys of steps: which visits they belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The node of the run's own graph and the number of its visit; behind that, parts of this visit: items, calls, a graph within.
_VISIT = re.compile(r"^([^#]+)#(\d+)")


def later(key: str, visits: Mapping[str, int]) -> bool:
    """Whether the step belongs to a visit that had not been made when every node had been visited as often as ``visits`` says."""
    found = _VISIT.match(key)
    return found is not None and int(found[2]) > visits.get(found[1], 0)

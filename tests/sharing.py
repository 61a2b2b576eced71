"""Two processes share the suite: one has all that runs on Ray, so that there is one cluster; the other has the rest meanwhile.

xdist's own groups do not work with pytest 9.2 (it sets a node's id where pytest no longer reads it), so the scheduler is told by path.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

ON_RAY = (
    "tests/system/",
    "tests/cluster/serving/",
    "tests/deployments/engines/test_vllm.py",
    "tests/deployments/test_llm.py",
    "tests/house/test_documents.py",
    "tests/pipelines/ingest/test_flow.py",
)
RAY = {"hearth", "ray_runtime"}


class Shared(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """What runs on Ray goes to one process, anything else file by file: what a module sets up is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        return "ray" if nodeid.startswith(ON_RAY) else nodeid.partition("::")[0]


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """What takes longest begins first. Raises UsageError for a test that starts Ray and is not listed."""
    unknown = {item.path.name for item in items if _uses_ray(item) and not item.nodeid.startswith(ON_RAY)}
    if unknown:
        raise pytest.UsageError(f"these run on Ray; add them to ON_RAY in tests/sharing.py: {', '.join(sorted(unknown))}")
    return sorted(items, key=lambda item: not item.nodeid.startswith(ON_RAY))


def _uses_ray(item: pytest.Item) -> bool:
    return not RAY.isdisjoint(getattr(item, "fixturenames", ()))

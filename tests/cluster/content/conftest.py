from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.content.isolated import Isolated
from cluster.settings import IngestSettings


@pytest.fixture
def process() -> Iterator[Isolated]:
    """A process for parsers, with the limits as they are by default."""
    with Isolated(IngestSettings()) as isolated:
        yield isolated

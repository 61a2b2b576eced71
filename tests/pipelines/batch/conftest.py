from __future__ import annotations

import pytest
import ray

from tests.api.fixtures.batching import made as made
from tests.api.fixtures.batching import runner as runner


@pytest.fixture
def ray_address(ray_runtime: None) -> str:
    """Jobs here use the Ray of the tests, as those of a cluster use that cluster's."""
    return str(ray.get_runtime_context().gcs_address)

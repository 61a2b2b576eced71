from __future__ import annotations

from tests.api.fixtures.batching import made as made
from tests.api.fixtures.batching import ray_address as ray_address
from tests.api.fixtures.batching import runner as runner

from __future__ import annotations

import pytest


@pytest.fixture
async def stranger(in_process, gateway):
    """A client without a key of its own."""
    async with in_process(gateway) as client:
        del client.headers["authorization"]
        yield client

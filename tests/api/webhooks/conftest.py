from __future__ import annotations

from tests.api.queue.conftest import client, consuming, farm, quick, receiver

__all__ = ["client", "consuming", "farm", "quick", "receiver"]

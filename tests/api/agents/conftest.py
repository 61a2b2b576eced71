"""The whole application, people, and whoever carries runs on: as for workflows."""

from __future__ import annotations

from tests.api.workflows.conftest import carried, client, farm, quick

__all__ = ["carried", "client", "farm", "quick"]

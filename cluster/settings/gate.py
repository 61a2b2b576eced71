"""The gate that adapters pass."""

from __future__ import annotations

from pydantic import Field

from cluster.settings.group import Group


class GateSettings(Group):
    """What examining an adapter may take."""

    concurrency: int = Field(2, ge=1, le=256, description="Items that a gate asks at once, each of one model after the other.")
    open_per_organisation: int = Field(10, ge=1, le=10_000, description="Verdicts of one organisation that are still being found.")

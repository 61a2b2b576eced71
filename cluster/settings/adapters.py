"""LoRA adapters in service."""

from __future__ import annotations

from typing import Literal

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class AdapterSettings(Group):
    """Adapters that organisations keep, and how many of them replicas hold in memory."""

    bytes: ByteSize = Field(ByteSize(256 * 2**20), ge=1024, description="Largest adapter, in bytes.")
    per_organisation: int = Field(200, ge=1, description="Versions of adapters that one organisation keeps.")
    loaded: int = Field(8, ge=1, le=64, description="Adapters that one replica holds in memory at once.")
    rank: int = Field(64, ge=1, le=512, description="Highest rank of an adapter.")
    load_s: float = Field(60.0, gt=0, description="Seconds a promotion waits until its adapter is in memory; then requests wait for it.")
    idle_s: float = Field(
        600.0, gt=0, description="Seconds without a request after which an adapter leaves memory; those that are promoted stay."
    )
    look_s: float = Field(5.0, gt=0, le=300, description="Seconds between two looks whether gateways and replicas know what was decided.")
    taken_back: Literal["mark", "retire"] = Field(
        "mark",
        description="What becomes of an adapter whose data somebody took back: `mark` leaves it where it is until people decide, `retire` "
        "also takes it out of service at once, and what answered before it answers again.",
    )
    history: int = Field(20, ge=1, le=1000, description="Promotions of a base that can be taken back one after another.")

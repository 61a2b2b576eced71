"""What is asked of deployments/bench/vector_search.py, and what it saw: searches of a large index, in process."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cluster.contracts.serving import ReplicaSpec


class SearchJob(BaseModel):
    """``replica``: the embedder whose vectors they are. ``folder``: where the index may be made. Beyond ``exact_points`` an approximate
    index is built. ``clients`` search at once, ``searches`` times in all for each mode."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replica: ReplicaSpec
    folder: str
    points: int = Field(ge=200)
    exact_points: int = Field(ge=100)
    clients: int = Field(ge=1)
    searches: int = Field(ge=1)


class SearchOutcome(BaseModel):
    """Times in milliseconds, by the mode of the search. ``building_ms``: of one client while the index was built. ``recall``: what
    share of the ten nearest, as exact comparison finds them, dense searches found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    indexed: int
    write_s: float
    build_s: float
    ms: dict[str, tuple[float, ...]]
    seconds: dict[str, float]
    building_ms: tuple[float, ...]
    recall: float
    pss_bytes: int
    disk_bytes: int

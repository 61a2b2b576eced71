"""What is asked of deployments/bench/langchain_pipeline.py, and what it did."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cluster.contracts.serving import ReplicaSpec


class PipeSpec(BaseModel):
    """``model``: a sentence-transformers folder, embedded with as LangChain's own class does. ``replica``: Hearth's engine instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    chunk_chars: int
    overlap_chars: int
    threads: int = Field(ge=1)
    model: str | None = None
    replica: ReplicaSpec | None = None


class Piped(BaseModel):
    """``seconds`` by stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    documents: int
    chunks: int
    seconds: dict[str, float]

"""What a replica is told when it starts: one model, one engine, one place, one budget. Travels as JSON inside the Serve config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.contracts.models import ModelKind
from cluster.specs.catalog import Dtype, EngineName, SamplingSpec

# Serve application names. Every model is a deployment of MODELS_APP named by its catalog id; the HTTP front is the deployment
# API_DEPLOYMENT of API_APP. MODELS_ROOT: the root deployment that Serve wants of every application.
MODELS_APP = "models"
MODELS_ROOT = "Models"
API_APP = "api"
API_DEPLOYMENT = "Api"
# The one deployment that owns the index of knowledge.
VECTORS_APP = "vectors"
VECTORS_DEPLOYMENT = "Vectors"
# Those that carry runs of graphs on.
AGENTS_APP = "agents"
AGENTS_DEPLOYMENT = "Agents"


class ReplicaSpec(BaseModel):
    """Everything one replica of one model needs. ``path`` is a local file or folder; weights are already there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    kind: ModelKind
    engine: EngineName
    path: str
    # File of ``path`` that the engine opens, when ``path`` is a folder and the variant names one.
    file: str | None = None
    quantization: str | None = None
    dtype: Dtype
    device: Literal["cpu", "cuda"]
    # What NVML calls the card (or Linux the CPU); measurements are kept by it.
    device_name: str = ""
    # Hard cap of device memory (or, on the CPU, the plan's share of RAM), in bytes.
    budget_bytes: int = Field(ge=0)
    # Memory of the whole device, in bytes; budget_bytes / device_bytes is the share the engine may take.
    device_bytes: int = Field(ge=0)
    context_tokens: int | None = None
    parallel: int = 1
    # Tokens that a batch of an embedding model may hold, padding included; None: as many as its engine takes for best.
    batch_tokens: int | None = Field(None, ge=1)
    threads: int = Field(1, ge=1, description="CPU threads the engine may use.")
    max_queued: int = 2048
    # Work on at most this many requests at once (vision and audio); further ones wait in the replica's queue.
    max_tasks: int | None = None
    max_image_pixels: int = 50_000_000
    max_audio_seconds: float = 14_400.0
    capabilities: tuple[str, ...] = ()
    sampling: SamplingSpec = SamplingSpec()
    adapters: dict[str, str] = Field(default_factory=dict)
    # Where the adapters of organisations are written down (empty: nowhere), how many are held at once, and how long unused. vLLM makes room
    # for so many when it starts, each of ``adapter_rank`` at most.
    adapters_file: str = ""
    adapters_loaded: int = Field(8, ge=0)
    adapter_rank: int = Field(64, ge=0)
    adapters_idle_s: float = Field(600.0, gt=0)
    pace_tokens_per_s: float | None = Field(
        None,
        gt=0,
        description="Releases at most this many tokens a second per stream: stands in for a slower card when measuring the serving stack.",
    )
    # Where measurements of memory and load time go (HEARTH_HOME/state).
    state_dir: str = ""


class Retuning(BaseModel):
    """What may be changed of a replica while it runs: the ``user_config`` of its deployment. None: as its spec has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parallel: int | None = Field(None, ge=1, le=256)
    context_tokens: int | None = Field(None, ge=64)
    batch_tokens: int | None = Field(None, ge=1)

    def of(self, spec: ReplicaSpec) -> ReplicaSpec:
        return spec.model_copy(update=self.model_dump(exclude_none=True))


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """What one replica says of itself. ``memory_bytes`` is measured: of its processes on the card, or their resident memory on the CPU."""

    slots: int
    running: int
    queued: int
    memory_bytes: int
    load_s: float


class ResidentModel(BaseModel):
    """What the residency policy knows of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    pinned: bool
    priority: int
    replicas: int = 1
    # Share of one GPU (0 for models on the CPU) and the bytes it stands for, per replica.
    num_gpus: float = Field(ge=0)
    budget_bytes: int = Field(ge=0)
    # Seconds the last starts took (measured; the catalog's guess before the first).
    load_s: float = Field(5.0, ge=0)
    # In the plan's first resident set: loaded at start.
    resident: bool = True

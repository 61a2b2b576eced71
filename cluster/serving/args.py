"""The arguments of the Serve applications of models and API and of the residency policy, as they stand in the Serve config file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from cluster.contracts.models import ModelStatus
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.settings import LogSettings, ResidencySettings, Settings
from cluster.specs.prices import PricesSpec
from cluster.specs.providers import ProvidersSpec


class ModelsArgs(BaseModel):
    """Of ``deployments.app:build``: one deployment for each model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[ReplicaSpec, ...]


class ApiArgs(BaseModel):
    """Of ``api.app:build``. ``models``: every model of the profile in its order; its state here is what planning found (READY stands for
    "can be served"), and the gateway overlays what is true now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    models: tuple[ModelStatus, ...]
    providers: ProvidersSpec = ProvidersSpec()
    prices: PricesSpec = PricesSpec()


class GpuArgs(BaseModel):
    """One GPU: ``memory_bytes`` is what models may use of it, so that a budget is its share; ``uuid`` as in CUDA_VISIBLE_DEVICES."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    memory_bytes: int
    uuid: str | None = None


class LedgerArgs(BaseModel):
    """Of the ledger actor. Leases and counts are kept in ``state_dir``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state_dir: str
    log: LogSettings = LogSettings()


class PolicyArgs(BaseModel):
    """Of cluster.serving.policy:ResidencyPolicy. ``models`` in deployment order; ``gpus`` in the order in which Ray counts them;
    ``cpu_bytes``: memory that models on the CPU share; ``drain_s``: after this Serve kills a replica that was told to leave."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[ResidentModel, ...]
    gpus: tuple[GpuArgs, ...] = ()
    cpu_bytes: int = 0
    residency: ResidencySettings = ResidencySettings()
    drain_s: float = 600.0
    ledger: LedgerArgs

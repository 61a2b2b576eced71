"""The arguments of the two Serve applications, as they stand in the Serve config file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from cluster.contracts.models import ModelStatus
from cluster.contracts.serving import ReplicaSpec
from cluster.settings import Settings


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

"""The Serve config file of a cluster: the models under the residency policy, the index of knowledge, runs of graphs, and the HTTP API."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ray.serve.schema import ServeDeploySchema

from cluster.contracts.serving import API_APP, MODELS_APP, MODELS_ROOT, ReplicaSpec, ResidentModel
from cluster.hardware import Device
from cluster.home import Home
from cluster.serving.agents import AgentsArgs, agents_app
from cluster.serving.args import ApiArgs, GpuArgs, LedgerArgs, ModelsArgs, PolicyArgs
from cluster.serving.vectors import vectors_app
from cluster.settings import Settings

MODELS_BUILD = "deployments.app:build"
API_BUILD = "api.app:build"
POLICY = "cluster.serving.policy:ResidencyPolicy"
# How often a leaving replica looks whether its last request is done, in seconds.
DRAIN_LOOK_S = 0.1
# How often Serve looks whether a replica lives; a dead one is replaced no sooner, in seconds.
HEALTH_LOOK_S = 2.0
# Requests are counted over this many ticks: a model counts as busy for so long after its last request.
COUNTED_TICKS = 2

ServeConfig = dict[str, Any]


def serve_config(
    replicas: Sequence[ReplicaSpec],
    residents: Sequence[ResidentModel],
    api: ApiArgs,
    devices: Sequence[Device],
) -> ServeConfig:
    """The file as a dict of plain JSON values, checked against Ray's own schema.

    ``replicas`` and ``residents`` are of the same models, in deployment order; ``devices``: GPUs in the order in which Ray counts them, and
    the CPU. ``api.settings.home`` must be absolute.
    """
    settings = api.settings
    config = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": settings.http.host, "port": settings.http.port},
        "logging_config": _logging(settings),
        "applications": [
            models_app(replicas, residents, settings, devices),
            vectors_app(settings),
            agents_app(_agents(api)),
            _api_app(api),
        ],
    }
    as_schema(config)
    return config


def as_schema(config: ServeConfig) -> ServeDeploySchema:
    """``config`` as Ray's schema has it; raises pydantic's ValidationError where it does not fit."""
    with warnings.catch_warnings():
        # The environment variables that are to replace metrics_interval_s are not read by the handles of Ray 2.60 yet.
        warnings.filterwarnings("ignore", message=".*metrics_interval_s", category=DeprecationWarning)
        return ServeDeploySchema.model_validate(config)


def models_app(
    replicas: Sequence[ReplicaSpec], residents: Sequence[ResidentModel], settings: Settings, devices: Sequence[Device]
) -> ServeConfig:
    """The application of the models alone."""
    specs = {spec.model: spec for spec in replicas}
    return {
        "name": MODELS_APP,
        "route_prefix": None,
        "import_path": MODELS_BUILD,
        "args": ModelsArgs(models=tuple(replicas)).model_dump(mode="json"),
        "autoscaling_policy": {
            "policy_function": POLICY,
            "policy_kwargs": policy_args(residents, settings, devices).model_dump(mode="json"),
        },
        "deployments": [
            *(_model_deployment(specs[resident.model], resident, settings) for resident in residents),
            # Serve wants a root; nothing is sent through it, so no process is spent on it.
            {"name": MODELS_ROOT, "autoscaling_config": {"min_replicas": 0, "max_replicas": 1, "initial_replicas": 0}},
        ],
    }


def policy_args(residents: Sequence[ResidentModel], settings: Settings, devices: Sequence[Device]) -> PolicyArgs:
    return PolicyArgs(
        models=tuple(residents),
        gpus=tuple(
            GpuArgs(id=device.id, name=device.name, memory_bytes=device.usable_bytes, uuid=device.uuid)
            for device in devices
            if device.is_gpu
        ),
        cpu_bytes=sum(device.usable_bytes for device in devices if not device.is_gpu),
        residency=settings.residency,
        drain_s=settings.http.request_timeout_s,
        ledger=ledger_args(settings),
    )


def ledger_args(settings: Settings) -> LedgerArgs:
    return LedgerArgs(state_dir=str(Home(settings.home).state), log=settings.log)


def _model_deployment(spec: ReplicaSpec, resident: ResidentModel, settings: Settings) -> ServeConfig:
    return {
        "name": spec.model,
        "max_ongoing_requests": spec.max_queued + spec.parallel,
        "max_queued_requests": spec.max_queued,
        # A request that has begun may run its full time, whoever else wants the card.
        "graceful_shutdown_timeout_s": settings.http.request_timeout_s,
        "graceful_shutdown_wait_loop_s": DRAIN_LOOK_S,
        "health_check_period_s": HEALTH_LOOK_S,
        "autoscaling_config": {
            "min_replicas": resident.replicas if resident.pinned else 0,
            "max_replicas": resident.replicas,
            "initial_replicas": resident.replicas if resident.resident or resident.pinned else 0,
            "metrics_interval_s": settings.residency.tick_s,
            "look_back_period_s": COUNTED_TICKS * settings.residency.tick_s,
            "upscale_delay_s": 0,
            "downscale_delay_s": 0,
            "downscale_to_zero_delay_s": 0,
        },
        "ray_actor_options": _resources(spec, resident),
    }


def _resources(spec: ReplicaSpec, resident: ResidentModel) -> ServeConfig:
    """What Ray counts: a share of one GPU, or bytes of the memory it was told models on the CPU may use. Cores are not counted: models
    that wait for a request use none, and those that work share them."""
    if resident.num_gpus > 0:
        return {"num_cpus": 0, "num_gpus": resident.num_gpus}
    return {"num_cpus": 0, "memory": spec.budget_bytes}


def _agents(api: ApiArgs) -> AgentsArgs:
    return AgentsArgs(settings=api.settings, models=api.models, providers=api.providers, prices=api.prices)


def _api_app(api: ApiArgs) -> ServeConfig:
    return {
        "name": API_APP,
        "route_prefix": "/",
        "import_path": API_BUILD,
        "args": api.model_dump(mode="json"),
    }


def _logging(settings: Settings) -> ServeConfig:
    return {
        "encoding": "JSON" if settings.log.format == "json" else "TEXT",
        "log_level": settings.log.level,
        "enable_access_log": False,
    }

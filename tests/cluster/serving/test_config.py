from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.hardware import CPU, Device
from cluster.serving.agents import AgentsArgs
from cluster.serving.args import ApiArgs, ModelsArgs, PolicyArgs
from cluster.serving.config import as_schema, serve_config
from cluster.serving.vectors import VectorsArgs
from cluster.settings import Settings

CARD = Device("gpu-1", "Tesla P40", 24_000, "6.1", reserve_bytes=4_000, uuid="GPU-1")
MEMORY = Device(CPU, "CPU", 16_000, None)


def spec(model: str, device: str) -> ReplicaSpec:
    return ReplicaSpec.model_validate(
        {
            "model": model,
            "kind": "llm",
            "engine": "llama_cpp",
            "path": "/weights",
            "dtype": "float32",
            "device": device,
            "device_name": device,
            "budget_bytes": 10_000,
            "device_bytes": 24_000,
            "parallel": 4,
            "max_queued": 100,
        }
    )


def resident(model: str, num_gpus: float, **more: Any) -> ResidentModel:
    return ResidentModel.model_validate(
        {"model": model, "pinned": False, "priority": 0, "num_gpus": num_gpus, "budget_bytes": 10_000} | more
    )


STATUS = ModelStatus(
    "pin", ModelKind.LLM, ModelState.READY, ("chat",), "llama_cpp", "gpu-1", "float32", 10_000, True, 4096, "fits", 0, "us"
)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return serve_config(
        [spec("pin", "cuda"), spec("guest", "cuda"), spec("small", "cpu")],
        [resident("pin", 0.5, pinned=True, replicas=2), resident("guest", 0.8, resident=False), resident("small", 0.0)],
        ApiArgs(settings=Settings(home=tmp_path), models=(STATUS,)),
        [CARD, MEMORY],
    )


def deployments(config: dict[str, Any]) -> dict[str, Any]:
    return {deployment["name"]: deployment for deployment in config["applications"][0]["deployments"]}


def test_it_is_plain_json_that_rays_schema_accepts(config: dict[str, Any]) -> None:
    assert as_schema(json.loads(json.dumps(config))).applications[0].name == "models"


def test_it_listens_on_loopback_only(config: dict[str, Any]) -> None:
    assert config["http_options"] == {"host": "127.0.0.1", "port": 8003}


def test_pinned_models_can_never_be_scaled_down(config: dict[str, Any]) -> None:
    scaling = deployments(config)["pin"]["autoscaling_config"]
    assert (scaling["min_replicas"], scaling["max_replicas"], scaling["initial_replicas"]) == (2, 2, 2)


def test_models_outside_the_resident_set_start_with_no_replica(config: dict[str, Any]) -> None:
    assert deployments(config)["guest"]["autoscaling_config"]["initial_replicas"] == 0
    assert deployments(config)["small"]["autoscaling_config"]["initial_replicas"] == 1


def test_shares_are_of_a_card_or_of_memory(config: dict[str, Any]) -> None:
    assert deployments(config)["guest"]["ray_actor_options"] == {"num_cpus": 0, "num_gpus": 0.8}
    assert deployments(config)["small"]["ray_actor_options"] == {"num_cpus": 0, "memory": 10_000}


def test_the_arguments_come_out_as_they_went_in(config: dict[str, Any], tmp_path: Path) -> None:
    models, vectors, agents, api = config["applications"]
    assert [model.model for model in ModelsArgs.model_validate(models["args"]).models] == ["pin", "guest", "small"]
    assert VectorsArgs.model_validate(vectors["args"]).folder == str(tmp_path / "vectors")
    assert ApiArgs.model_validate(api["args"]).models == (STATUS,)
    assert AgentsArgs.model_validate(agents["args"]).models == (STATUS,)
    policy = PolicyArgs.model_validate(models["autoscaling_policy"]["policy_kwargs"])
    assert (policy.gpus[0].memory_bytes, policy.gpus[0].uuid, policy.cpu_bytes) == (20_000, "GPU-1", 16_000)
    assert policy.ledger.state_dir == str(tmp_path / "state")

"""What vLLM is told, without starting it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.home import Home
from cluster.learning.adapters.manifest import manifest_path
from deployments.engines.vllm_config import adapter_room, llm_config
from tests.deployments.engines.test_vllm import spec_of
from tests.deployments.fixtures.tiny_model import TinyModel


@pytest.mark.parametrize(("room", "told"), [(2, {"enable_lora": True, "max_loras": 3, "max_lora_rank": 8}), (0, {})])
def test_there_is_room_for_adapters_before_anybody_has_one(tiny: TinyModel, tmp_path: Path, room: int, told: dict[str, object]):
    spec = spec_of(tiny, "vllm", str(manifest_path(Home(tmp_path), "tiny"))).model_copy(update={"adapters": {}, "adapters_loaded": room})
    said = llm_config(spec).engine_kwargs
    assert {name: value for name, value in said.items() if "lora" in name} == told


@pytest.mark.parametrize(("architecture", "room"), [("LlamaForCausalLM", 2), ("GPT2LMHeadModel", 0), ("NobodyKnowsIt", 0)])
def test_an_architecture_that_takes_no_adapters_gets_no_room(tiny: TinyModel, tmp_path: Path, architecture: str, room: int):
    told = json.loads((tiny.hf / "config.json").read_text()) | {"architectures": [architecture]}
    (tmp_path / "config.json").write_text(json.dumps(told))
    changes = {"adapters": {}, "path": str(tmp_path)}
    assert adapter_room(spec_of(tiny, "vllm", "somewhere").model_copy(update=changes)) == room

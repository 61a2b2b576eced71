from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cluster.errors import Unprocessable
from cluster.learning.adapters.peft_folder import read_lora
from tests.cluster.learning.adapters.folders import write_adapter


def _change(folder: Path, **config: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))


def test_weights_and_their_scale_are_read(tmp_path: Path):
    lora = read_lora(write_adapter(tmp_path))
    assert (lora.rank, lora.targets, len(lora.pairs)) == (2, ["q_proj"], 5)
    pair = lora.pairs["model.layers.0.self_attn.q_proj"]
    assert (pair.a.shape, pair.b.shape, pair.scale) == ((2, 256), (256, 2), 2.0)


def test_scales_follow_rslora_and_patterns(tmp_path: Path):
    write_adapter(tmp_path, rank=4, lora_alpha=8, use_rslora=True, alpha_pattern={"layers.1.self_attn.q_proj": 2})
    pairs = read_lora(tmp_path).pairs
    assert pairs["model.layers.0.self_attn.q_proj"].scale == 4.0
    assert pairs["model.layers.1.self_attn.q_proj"].scale == 1.0


def test_bfloat16_is_read_as_its_upper_half(tmp_path: Path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save

    write_adapter(tmp_path)
    whole = load_file(tmp_path / "adapter_model.safetensors")
    save({name: torch.from_numpy(value).bfloat16() for name, value in whole.items()}, tmp_path / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert np.allclose(read_lora(tmp_path).pairs["model.layers.0.self_attn.q_proj"].a, whole[name], rtol=0.01)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "only LORA"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "biases"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"r": 3}, "of two adapters"),
        ({"r": 0}, "r: Input should be greater"),
        ({"lora_alpha": "much"}, "lora_alpha"),
        ({"rank_pattern": {"((": 4}}, "no pattern"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_reason(tmp_path: Path, config: dict[str, object], said: str):
    write_adapter(tmp_path)
    _change(tmp_path, **config)
    with pytest.raises(Unprocessable, match=said.replace("(", r"\(")):
        read_lora(tmp_path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, wrong: float):
    write_adapter(tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] = wrong
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    with pytest.raises(Unprocessable, match="not finite"):
        read_lora(tmp_path)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path):
    path = write_adapter(tmp_path) / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Unprocessable, match="damaged or cut short"):
        read_lora(tmp_path)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_folder_without_one_of_its_files_is_refused(tmp_path: Path, name: str):
    (write_adapter(tmp_path) / name).unlink()
    with pytest.raises(Unprocessable, match=name):
        read_lora(tmp_path)


def test_half_a_pair_and_strange_tensors_are_refused(tmp_path: Path):
    path = write_adapter(tmp_path) / "adapter_model.safetensors"
    tensors = load_file(path)
    first = next(name for name in tensors if "lora_B" in name)
    save_file({name: value for name, value in tensors.items() if name != first}, path)
    with pytest.raises(Unprocessable, match="lora_A only"):
        read_lora(tmp_path)
    save_file({**tensors, "base_model.model.lm_head.weight": np.ones((2, 2), np.float32)}, path)
    with pytest.raises(Unprocessable, match="no part of a plain LoRA"):
        read_lora(tmp_path)

"""Small adapters of the bundled model, written by hand: what PEFT writes, without PEFT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

BASE = "hearth-nano"
WIDTH = 256


def write_adapter(folder: Path, *, rank: int = 2, layers: int = 5, width: int = WIDTH, seed: int = 1, **config: Any) -> Path:
    """On the query projections of ``layers`` layers."""
    noise = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for layer in range(layers):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = noise.normal(0, 0.1, (rank, width)).astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = noise.normal(0, 0.1, (width, rank)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"], **config}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    return folder

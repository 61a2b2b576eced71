"""How much device memory a training needs, from the headers of the weights: what it leases, or why it cannot begin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from cluster.learning.tuning.spec import SUPERVISED, Hyperparameters, Method
from training.finetune.candidates import largest_rank

# What CUDA and its libraries hold, and what the allocator loses.
CONTEXT_BYTES = 800 * 2**20
MARGIN = 1.1
# Of each adapter weight, in float32: itself, its gradient, and the two moments of AdamW.
BYTES_PER_ADAPTER_WEIGHT = 16
# Four bits, and of every 64 weights a scale of 8 bits (QLoRA's second quantization).
BYTES_OF_NF4 = 0.53
# Inputs of linear layers, norms and attention that a layer keeps for the backward pass, in units of the hidden and the inner width.
KEPT_HIDDEN, KEPT_INNER = 14, 4


def needed_bytes(weights: Path, parameters: Hyperparameters, bytes_per_weight: int, method: Method = SUPERVISED) -> int:
    """On one card, for the base of the folder ``weights`` held at ``bytes_per_weight``, or in 4 bits where the method says so."""
    shapes = [shape for file in sorted(weights.glob("*.safetensors")) for shape in _shapes(file)]
    config: Mapping[str, Any] = json.loads((weights / "config.json").read_text())
    text = config.get("text_config", config)
    in_full = text["vocab_size"] if method.quantization else 0
    base = sum(math.prod(shape) * _bytes_each(shape, in_full, bytes_per_weight) for shape in shapes)
    adapter = sum(largest_rank(parameters) * sum(shape) for shape in shapes if len(shape) == 2) * BYTES_PER_ADAPTER_WEIGHT
    layer = (KEPT_HIDDEN * text["hidden_size"] + KEPT_INNER * text.get("intermediate_size", 4 * text["hidden_size"])) * bytes_per_weight
    layers = text["num_hidden_layers"]
    kept = layer + layers * text["hidden_size"] * bytes_per_weight if parameters.gradient_checkpointing else layer * layers
    # Logits, their float32 copy and their gradient; at worst every token is one to learn.
    logits = 3 * 4 * text["vocab_size"]
    return CONTEXT_BYTES + int(MARGIN * (base + adapter + parameters.max_tokens * (kept + logits)))


def _bytes_each(shape: list[int], in_full: int, bytes_per_weight: int) -> float:
    """``in_full``: rows of the matrices that stay as they are, embedding and output; 0: all matrices do."""
    return BYTES_OF_NF4 if in_full and len(shape) == 2 and shape[0] != in_full else bytes_per_weight


def _shapes(file: Path) -> list[list[int]]:
    """Of all tensors; only the header is read."""
    with safe_open(file, "pt") as opened:
        return [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118 - it is no mapping

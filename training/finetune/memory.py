"""How much device memory a training needs, from the headers of the weights: what it leases, or why it cannot begin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from cluster.learning.tuning.spec import Hyperparameters

# What CUDA and its libraries hold, and what the allocator loses.
CONTEXT_BYTES = 800 * 2**20
MARGIN = 1.1
# Of each adapter weight, in float32: itself, its gradient, and the two moments of AdamW.
BYTES_PER_ADAPTER_WEIGHT = 16
# Inputs of linear layers, norms and attention that a layer keeps for the backward pass, in units of the hidden and the inner width.
KEPT_HIDDEN, KEPT_INNER = 14, 4


def needed_bytes(weights: Path, parameters: Hyperparameters, bytes_per_weight: int) -> int:
    """On one card, for the base of the folder ``weights`` held at ``bytes_per_weight``."""
    shapes = [shape for file in sorted(weights.glob("*.safetensors")) for shape in _shapes(file)]
    config: Mapping[str, Any] = json.loads((weights / "config.json").read_text())
    text = config.get("text_config", config)
    base = sum(math.prod(shape) for shape in shapes) * bytes_per_weight
    adapter = sum(parameters.rank * sum(shape) for shape in shapes if len(shape) == 2) * BYTES_PER_ADAPTER_WEIGHT
    layer = (KEPT_HIDDEN * text["hidden_size"] + KEPT_INNER * text.get("intermediate_size", 4 * text["hidden_size"])) * bytes_per_weight
    layers = text["num_hidden_layers"]
    kept = layer + layers * text["hidden_size"] * bytes_per_weight if parameters.gradient_checkpointing else layer * layers
    # Logits, their float32 copy and their gradient; at worst every token is one to learn.
    logits = 3 * 4 * text["vocab_size"]
    return CONTEXT_BYTES + int(MARGIN * (base + adapter + parameters.max_tokens * (kept + logits)))


def _shapes(file: Path) -> list[list[int]]:
    """Of all tensors; only the header is read."""
    with safe_open(file, "pt") as opened:
        return [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118 - it is no mapping

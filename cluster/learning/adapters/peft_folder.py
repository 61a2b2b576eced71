"""A LoRA as PEFT saves it: a folder with ``adapter_config.json`` and ``adapter_model.safetensors``.

Read without PEFT and torch, which the API and the replicas of llama.cpp do not have; safetensors' own reader checks the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import re2
import safetensors
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import Unprocessable

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
FILES = (CONFIG, WEIGHTS)
HIGHEST_RANK = 512
CONFIG_BYTES = 2**20
PREFIX = "base_model.model."

Matrix = NDArray[np.float32]

_TENSOR = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")


class LoraConfig(BaseModel):
    """What of ``adapter_config.json`` decides how the weights are applied."""

    model_config = ConfigDict(extra="ignore")

    peft_type: str
    r: int = Field(ge=1, le=HIGHEST_RANK)
    lora_alpha: float = Field(gt=0, allow_inf_nan=False)
    base_model_name_or_path: str | None = None
    bias: str = "none"
    fan_in_fan_out: bool = False
    use_dora: bool = False
    use_rslora: bool = False
    modules_to_save: list[str] | None = None
    rank_pattern: dict[str, int] = Field(default_factory=dict)
    alpha_pattern: dict[str, float] = Field(default_factory=dict)

    def scale(self, module: str, rank: int) -> float:
        """By what the product of the two matrices of ``module`` is multiplied."""
        alpha = next((value for pattern, value in self.alpha_pattern.items() if _fits(pattern, module)), self.lora_alpha)
        return alpha / (rank**0.5 if self.use_rslora else rank)


@dataclass(frozen=True, slots=True)
class Pair:
    """``a``: shape (rank, in); ``b``: shape (out, rank). What a module adds to its weights is ``scale * b @ a``."""

    a: Matrix
    b: Matrix
    scale: float

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])


@dataclass(frozen=True, slots=True)
class Lora:
    """``pairs`` by module, such as ``model.layers.0.self_attn.q_proj``."""

    config: LoraConfig
    pairs: Mapping[str, Pair]

    @property
    def rank(self) -> int:
        return max(pair.rank for pair in self.pairs.values())

    @property
    def targets(self) -> list[str]:
        """The last parts of the modules' names."""
        return sorted({module.rpartition(".")[2] for module in self.pairs})


def read_config(folder: Path) -> LoraConfig:
    """Raises Unprocessable for what is no LoRA, or one that cannot be served here."""
    path = folder / CONFIG
    try:
        raw = path.read_bytes()
    except OSError:
        raise Unprocessable(f"The adapter has no {CONFIG}; send the folder as PEFT's save_pretrained writes it.") from None
    try:
        if len(raw) > CONFIG_BYTES:
            raise Unprocessable(f"{CONFIG} is larger than {CONFIG_BYTES} bytes; it is not one that PEFT wrote.")
        config = LoraConfig.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Unprocessable(f"{CONFIG} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    for wrong, reason in _objections(config):
        if wrong:
            raise Unprocessable(f"The adapter cannot be served: {reason}.")
    return config


def read_lora(folder: Path) -> Lora:
    """Config and weights, all finite. Raises Unprocessable naming what is wrong."""
    config = read_config(folder)
    sides: dict[str, dict[str, Matrix]] = {}
    for name, tensor in _tensors(folder / WEIGHTS):
        found = _TENSOR.match(name)
        if found is None:
            raise Unprocessable(f"{WEIGHTS} holds '{name[:200]}', which is no part of a plain LoRA; train without it.")
        if tensor.ndim != 2:
            raise Unprocessable(f"'{name[:200]}' has {tensor.ndim} dimensions; only those of linear layers, with 2, are served.")
        if not np.isfinite(tensor).all():
            raise Unprocessable(f"'{name[:200]}' holds values that are not finite; the training went wrong, so train again.")
        sides.setdefault(found["module"], {})[found["side"]] = tensor
    if not sides:
        raise Unprocessable(f"{WEIGHTS} holds no weights of a LoRA.")
    return Lora(config, {module: _pair(module, found, config) for module, found in sorted(sides.items())})


def _objections(config: LoraConfig) -> Iterator[tuple[bool, str]]:
    yield config.peft_type != "LORA", f"it is of the kind {config.peft_type[:50]}, and only LORA is"
    yield config.use_dora, "it uses DoRA; train without use_dora"
    yield config.bias != "none", "it trains biases; train with bias='none'"
    yield config.fan_in_fan_out, "its matrices are transposed (fan_in_fan_out)"
    yield bool(config.modules_to_save), "it replaces whole modules; train without modules_to_save"


def _pair(module: str, found: Mapping[str, Matrix], config: LoraConfig) -> Pair:
    if set(found) != {"A", "B"}:
        raise Unprocessable(f"'{module[:200]}' has lora_{next(iter(found))} only; the file is not whole.")
    a, b = found["A"], found["B"]
    rank = next((value for pattern, value in config.rank_pattern.items() if _fits(pattern, module)), config.r)
    if a.shape[0] != rank or b.shape[1] != rank:
        raise Unprocessable(
            f"'{module[:200]}' has matrices of rank {a.shape[0]} and {b.shape[1]}, and {CONFIG} says {rank}; they are of two adapters."
        )
    return Pair(a, b, config.scale(module, rank))


def _fits(pattern: str, module: str) -> bool:
    """As PEFT reads the keys of its patterns."""
    try:
        # Not re: somebody else's pattern could hold it up for ever.
        return re2.match(rf"(.*\.)?({pattern})$", module) is not None
    except re2.error:
        raise Unprocessable(f"{CONFIG} has '{pattern[:100]}', which is no pattern of names.") from None


def _tensors(path: Path) -> Iterator[tuple[str, Matrix]]:
    try:
        raw = path.read_bytes()
    except OSError:
        raise Unprocessable(f"The adapter has no {WEIGHTS}; save it with safe_serialization, which is PEFT's default.") from None
    try:
        for name, entry in safetensors.deserialize(raw):  # type: ignore[no-untyped-call]
            yield name, _floats(name, entry)
    except safetensors.SafetensorError as error:
        raise Unprocessable(f"{WEIGHTS} cannot be read ({error}); it is damaged or cut short.") from None


def _floats(name: str, entry: Mapping[str, Any]) -> Matrix:
    """numpy has no bfloat16: it is the upper half of a float32."""
    kind, data, shape = entry["dtype"], entry["data"], entry["shape"]
    if kind == "BF16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if kind not in {"F32", "F16"}:
        raise Unprocessable(f"'{name[:200]}' is stored as {kind}; save the adapter as float32, float16 or bfloat16.")
    return np.frombuffer(data, np.float32 if kind == "F32" else np.float16).astype(np.float32).reshape(shape)

"""What the files say of themselves: bytes, parameters, shape. Only headers are read, never a weight."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.errors import ConfigError
from cluster.specs.catalog import Architecture
from cluster.vram.gguf_header import GgufHeader, read_header

# Files that hold weights but no header that we read count with their size.
OPAQUE = frozenset({".onnx", ".bin", ".pt", ".pth", ".ckpt", ".npz"})
# A safetensors header larger than this is not one (the format's own limit is 100 MB).
MAX_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class WeightFacts:
    """``size_bytes`` of the weights as stored; ``parameters`` None where no header counts them; ``architecture`` where one is given."""

    size_bytes: int
    parameters: int | None
    architecture: Architecture | None


class _Config(BaseModel):
    """The keys of a Hugging Face config.json that memory depends on."""

    model_config = ConfigDict(extra="ignore")

    num_hidden_layers: int
    num_attention_heads: int
    hidden_size: int
    vocab_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None

    def architecture(self) -> Architecture:
        return Architecture(
            layers=self.num_hidden_layers,
            kv_heads=self.num_key_value_heads or self.num_attention_heads,
            head_dim=self.head_dim or self.hidden_size // self.num_attention_heads,
            hidden_size=self.hidden_size,
            vocab_size=self.vocab_size,
        )


def read_facts(path: Path, file: str | None = None) -> WeightFacts:
    """The facts of ``file`` below ``path``, or of all weights of ``path`` (a file or folder). Raises ConfigError naming a file that is
    not what its name says."""
    target = path / file if file is not None and path.is_dir() else path
    if target.suffix == ".gguf":
        return _gguf(_parts(target))
    if target.suffix == ".safetensors":
        return _safetensors([target], target.parent)
    if target.is_file():
        return WeightFacts(target.stat().st_size, None, None)
    return _folder(target)


def _folder(folder: Path) -> WeightFacts:
    tensors = sorted(folder.glob("*.safetensors"))
    if tensors:
        return _safetensors(tensors, folder)
    models = sorted(folder.glob("*.gguf"))
    if models:
        return _gguf(models)
    opaque = [path for path in folder.rglob("*") if path.suffix in OPAQUE and path.is_file()]
    if not opaque:
        raise ConfigError(f"{folder}: no weights found (looked for .safetensors, .gguf, {', '.join(sorted(OPAQUE))}).")
    return WeightFacts(sum(path.stat().st_size for path in opaque), None, config_architecture(folder))


def _parts(path: Path) -> list[Path]:
    """All files of a GGUF that is split as name-00001-of-00003.gguf, else the one."""
    split = re.fullmatch(r"(.+)-\d{5}-of-(\d{5})\.gguf", path.name)
    return sorted(path.parent.glob(f"{split[1]}-*-of-{split[2]}.gguf")) if split else [path]


def _gguf(paths: list[Path]) -> WeightFacts:
    headers = [read_header(path) for path in paths]
    shapes = [shape for header in headers if (shape := _gguf_architecture(header)) is not None]
    return WeightFacts(
        sum(header.size_bytes for header in headers), sum(header.parameters for header in headers), shapes[0] if shapes else None
    )


def _gguf_architecture(header: GgufHeader) -> Architecture | None:
    """From the keys of the GGUF specification; None for files without them (later parts of a split model)."""
    name = header.values.get("general.architecture")

    def number(key: str) -> int | None:
        # Models whose layers differ list a number for each layer; memory is bounded by the largest.
        several = header.arrays.get(f"{name}.{key}")
        value = max(several) if several else header.values.get(f"{name}.{key}")
        return None if value is None else int(value)

    layers, hidden, heads = number("block_count"), number("embedding_length"), number("attention.head_count")
    if not layers or not hidden or not heads:
        return None
    return Architecture(
        layers=layers,
        kv_heads=number("attention.head_count_kv") or heads,
        head_dim=number("attention.key_length") or hidden // heads,
        hidden_size=hidden,
        vocab_size=number("vocab_size") or header.lengths.get("tokenizer.ggml.tokens", 1),
        experts=number("expert_count") or None,
    )


def _safetensors(paths: Iterable[Path], folder: Path) -> WeightFacts:
    size = parameters = 0
    for path in paths:
        for start, end, shape in _tensors(path).values():
            size += end - start
            parameters += prod(shape)
    return WeightFacts(size, parameters, config_architecture(folder))


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Of a safetensors file, by name. Raises ConfigError for a file that is none."""
    return {name: tuple(shape) for name, (_, _, shape) in _tensors(path).items()}


def _tensors(path: Path) -> dict[str, tuple[int, int, list[int]]]:
    """(start, end, shape) of each tensor. The header is its length as 8 little-endian bytes, and then that much JSON."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            # A longer one is cut off, and then it is no JSON.
            header = json.loads(file.read(min(length, MAX_HEADER)))
        tensors = {name: (*entry["data_offsets"], entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a readable safetensors file ({error}); pull the model again.") from None
    return {name: (int(start), int(end), list(shape)) for name, (start, end, shape) in tensors.items()}


def config_architecture(folder: Path) -> Architecture | None:
    """From config.json beside the weights, its ``text_config`` where it nests one; None when there is none of a transformer."""
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return _Config.model_validate(tree.get("text_config", tree)).architecture()
    except ValidationError:
        return None
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: not a readable config ({error}); pull the model again.") from None

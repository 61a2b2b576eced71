"""A PEFT LoRA as the GGUF file llama.cpp opens. Its own converter is a script of its repository that loads torch and the base model."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from cluster.errors import EngineError, Unprocessable
from cluster.learning.adapters.bases import gguf_base, need_fit
from cluster.learning.adapters.peft_folder import CONFIG, read_lora
from cluster.vram.gguf_header import Scalar, read_header

Matrix = NDArray[np.float32]

# Architectures in whose files the rows of queries and keys stand in another order than in transformers'.
INTERLEAVED = frozenset({"llama"})
# By what a file is known to be of this converter; of an older one it is made anew.
EDITION = 1


def gguf_adapter(path: Path, base: Path, model: str) -> Path:
    """The adapter at ``path``: itself where it is a file, else the PEFT folder converted for ``base``. The result is kept beside the
    folder, whole or not there. Blocking. Raises Unprocessable for one that is damaged or of another base, and
    EngineError where it cannot be written."""
    if not (path / CONFIG).is_file():
        return path
    made = path.with_name(f"{path.name}.{base.stem}-{EDITION}.gguf")
    if not made.is_file():
        part = made.with_name(f"{made.name}.{uuid.uuid4().hex}.part")
        try:
            convert(path, base, model, part)
            part.rename(made)
        except OSError as error:
            raise EngineError(f"An adapter of '{model}' cannot be written to {made.parent} ({error.strerror}); make room there.") from error
        finally:
            part.unlink(missing_ok=True)
    return made


def convert(folder: Path, base: Path, model: str, target: Path) -> None:
    """Writes ``target``. Its scale is in the matrices: llama.cpp knows one for the whole adapter, PEFT one for each layer."""
    lora = read_lora(folder)
    shapes = gguf_base(model, base)
    need_fit(lora, shapes)
    header = read_header(base)
    architecture = str(header.values["general.architecture"])
    heads = {kind: _heads(header.values, architecture, key) for kind, key in (("attn_q", "head_count"), ("attn_k", "head_count_kv"))}
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 0.0)
    for module, pair in lora.pairs.items():
        assert shapes.names is not None
        name = shapes.names.of(module)
        assert name is not None, module
        b = np.ascontiguousarray(pair.b * np.float32(pair.scale))
        part = name.split(".")[-2]
        if architecture in INTERLEAVED and part in heads:
            b = interleaved(b, heads[part])
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(pair.a))
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleaved(rows: Matrix, heads: int) -> Matrix:
    """Rows of a query or key projection, from the layout that turns channels i and i + size/2 together to the one turning 2i and 2i + 1."""
    size = rows.shape[0] // heads
    if size * heads != rows.shape[0] or size % 2:
        raise Unprocessable(f"A projection of {rows.shape[0]} rows does not divide into {heads} heads; the adapter is for another model.")
    halves = rows.reshape(heads, 2, size // 2, rows.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def _heads(values: Mapping[str, Scalar], architecture: str, key: str) -> int:
    found = values.get(f"{architecture}.attention.{key}", values.get(f"{architecture}.attention.head_count", 1))
    return int(found)

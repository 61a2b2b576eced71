"""Turns a sentence-transformers folder into what onnx_embedding serves: one int8 graph from token ids to unit vectors.

    python -m deployments.engines.onnx_export SOURCE TARGET

Run once, before serving, in a process of its own, so that no replica holds torch. The export is checked against the original on
sentences of different lengths; one that strays is refused. A target that was made from the same weights is left as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import structlog
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.errors import ConfigError, EngineError

if TYPE_CHECKING:
    import torch

Inputs = Mapping[str, npt.NDArray[np.int64]]

log = structlog.get_logger(__name__)

VARIANT = "onnx-int8-static"
# Of how a graph is made from the same weights. One of an older way gives the same vectors, slower, and is made anew.
RECIPE = 2
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
RECORD = "export.json"
OPSET = 20
# What int8 is expected to keep on the worst day; it keeps 0.99.
LEAST_COSINE = 0.98
PROBES = (
    "A cat sleeps.",
    "The invoice of March was paid twice, so one payment must be returned.",
    "Which of the two graphics cards has the larger memory, and how much of it is free right now?",
    "Bread needs flour, water, salt, yeast and above all time.",
    "def mean(values): return sum(values) / len(values)",
    "Der Zug nach Hamburg hat heute vierzig Minuten Verspätung.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen. " * 6,
    "In the meeting of the 14th it was decided to move the archive to the new building before winter, at a cost of 12,400. " * 4,
)


class ExportRecord(BaseModel):
    """Stands beside the graph. ``source_sha256`` is of the weights file; cosines are to the original's vectors, over PROBES."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_sha256: str
    variant: str
    opset: int
    recipe: int = 1
    dimensions: int
    max_tokens: int
    mean_cosine: float
    least_cosine: float


def read_record(folder: Path) -> ExportRecord:
    """The record of a finished export. Raises ConfigError where there is none."""
    try:
        return ExportRecord.model_validate_json((folder / RECORD).read_text())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{folder} holds no finished export; run: python -m deployments.engines.onnx_export SOURCE {folder}") from error


def prepare(source: Path, target: Path) -> Path:
    """Make ``target`` (a folder) from ``source`` unless it is there; returns it. Whole or absent, also when two processes try at once.

    Raises ConfigError when ``source`` is not a sentence-transformers folder of a kind that is understood here, EngineError when the
    exported graph does not agree with the original.
    """
    weights = source / "model.safetensors"
    if not weights.is_file():
        raise ConfigError(f"{source} has no model.safetensors; name the folder of a sentence-transformers model.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"), weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not _is_made_from(target, digest):
            with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
                finished = _export(source, Path(temporary) / "export", digest)
                shutil.rmtree(target, ignore_errors=True)
                finished.rename(target)
    return target


def _is_made_from(target: Path, digest: str) -> bool:
    try:
        record = read_record(target)
    except ConfigError:
        return False
    current = (record.source_sha256, record.variant, record.recipe) == (digest, VARIANT, RECIPE)
    return current and (target / GRAPH).is_file() and (target / TOKENIZER).is_file()


def _export(source: Path, folder: Path, digest: str) -> Path:
    from deployments.engines.onnx_quantize import quantize

    folder.mkdir()
    max_tokens = _json(source / "sentence_bert_config.json")["max_seq_length"]
    reference = _sentence_encoder(source)
    probes = _tokenized(source / TOKENIZER, max_tokens)
    whole, graph = folder / "float32.onnx", folder / GRAPH
    _trace(reference, whole, max_tokens)
    quantize(whole, graph, [probes, *_scattered(source / TOKENIZER, max_tokens)])
    whole.unlink()
    shutil.copyfile(source / TOKENIZER, folder / TOKENIZER)
    expected, found = _vectors(reference, graph, probes)
    cosines = (expected * found).sum(axis=1)
    if cosines.mean() < LEAST_COSINE:
        raise EngineError(
            f"The ONNX export of {source} does not agree with the original (mean cosine {cosines.mean():.3f}, "
            f"at least {LEAST_COSINE} expected); serve it with the engine sentence_transformers instead."
        )
    record = ExportRecord(
        source_sha256=digest,
        variant=VARIANT,
        opset=OPSET,
        recipe=RECIPE,
        dimensions=expected.shape[1],
        max_tokens=max_tokens,
        mean_cosine=float(cosines.mean()),
        least_cosine=float(cosines.min()),
    )
    (folder / RECORD).write_text(record.model_dump_json(indent=2))
    log.info("exported", source=str(source), **record.model_dump(exclude={"source_sha256"}))
    return folder


def _sentence_encoder(source: Path) -> torch.nn.Module:
    """(input_ids, attention_mask), both int64 (inputs, length) -> float32 (inputs, dim), rows of norm 1."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    kinds = [module["type"].rsplit(".", 1)[-1] for module in _json(source / "modules.json")]
    pooling = _json(source / "1_Pooling" / "config.json")
    chosen = {name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True}
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or chosen not in (
        {"pooling_mode_mean_tokens"},
        {"pooling_mode_cls_token"},
    ):
        raise ConfigError(
            f"{source} has modules {kinds} and pooling {sorted(chosen)}; serve it with the engine sentence_transformers instead."
        )

    class SentenceEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Written out: torch's fused attention comes apart into twice as many operations, which guard against rows without any token.
            self.transformer = AutoModel.from_pretrained(source, local_files_only=True, attn_implementation="eager")

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if "pooling_mode_cls_token" in chosen:
                pooled = hidden[:, 0]
            else:
                kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * kept).sum(dim=1) / kept.sum(dim=1)
            return torch.nn.functional.normalize(pooled, dim=-1)

    return SentenceEncoder().eval()


def _trace(encoder: torch.nn.Module, path: Path, max_tokens: int) -> None:
    import torch

    # Two different tensors: given one object for both, the exporter takes them for one input and the graph is silently wrong.
    ids = torch.arange(1, 19, dtype=torch.int64).reshape(2, 9)
    mask = torch.ones(2, 9, dtype=torch.int64)
    mask[1, 5:] = 0
    axes = {0: torch.export.Dim("inputs", min=1, max=4096), 1: torch.export.Dim("length", min=2, max=max_tokens)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own internals
        program = torch.onnx.export(
            encoder,
            (ids, mask),
            dynamo=True,
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_shapes=(axes, axes),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    program.save(path)


def _tokenized(tokenizer: Path, max_tokens: int) -> Inputs:
    """PROBES, padded together, so that the mask is put to the test as well."""
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(tokenizer))
    words.enable_truncation(max_tokens)
    words.enable_padding()
    encoded = words.encode_batch(list(PROBES))
    return {
        "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
        "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
    }


def _scattered(tokenizer: Path, max_tokens: int) -> Iterator[Inputs]:
    """Words from all over the vocabulary, a few and many: what the activations' range is measured on."""
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(tokenizer))
    words.no_padding()
    words.no_truncation()
    frame = words.encode("").ids
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 5, 8, 12, 20, 40, 80, 160, max_tokens - len(frame)) * 4:
        drawn = rng.integers(words.get_vocab_size() // 30, words.get_vocab_size(), length)  # the first ids are special and unused ones
        ids = np.array([[*frame[:1], *drawn, *frame[1:]]], dtype=np.int64)
        yield {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def _vectors(reference: torch.nn.Module, graph: Path, inputs: Inputs) -> tuple[npt.NDArray[np.float32], ...]:
    """The vectors of ``inputs`` by the original and by the graph."""
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    with torch.inference_mode():
        expected = reference(*(torch.from_numpy(value) for value in inputs.values())).numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return expected, session.run(None, dict(inputs))[0]


def _json(path: Path):  # type: ignore[no-untyped-def]  # the shape belongs to the file
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); it belongs to a sentence-transformers model.") from error


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Export a sentence-transformers model to int8 ONNX, once.")
    parser.add_argument("source", type=Path, help="folder of the sentence-transformers model")
    parser.add_argument("target", type=Path, help="folder to make")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.getLogger().setLevel(logging.ERROR)
    sys.stdout.write(f"{prepare(options.source, options.target)}\n")


if __name__ == "__main__":
    main()

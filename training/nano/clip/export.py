"""From a training run to the files open_clip opens: python -m training.nano.clip.export runs/clip training/nano/weights/hearth-nano-clip"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import save_file

from training.nano.checkpoint import load_checkpoint
from training.nano.clip.spec import ClipSpec
from training.nano.clip.words import save_tokenizer, words
from training.nano.export import SUMS, checksums

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def export(run: Path, target: Path) -> None:
    """Write the model of a run folder's checkpoint into ``target`` in float16; other files there (a model card) stay.

    Everything is written elsewhere on the same disk first and renamed into place, the checksums last. Raises FileNotFoundError where the
    run has no checkpoint yet.
    """
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint yet; train first: python -m training.nano.clip --out {run}")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        folder = Path(scratch)
        _write(folder, checkpoint.model, ClipSpec.load(run))
        (folder / SUMS).write_text(checksums(folder))
        for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMS):
            path.chmod(0o644)
            path.replace(target / path.name)


def _write(folder: Path, weights: dict[str, torch.Tensor], spec: ClipSpec) -> None:
    shape = spec.shape.open_clip(len(words()))
    # The name only says that the tokenizer stands in the folder.
    config = {**shape, "text_cfg": {**shape["text_cfg"], "hf_tokenizer_name": "local"}}
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}, indent=1) + "\n")
    save_tokenizer(folder)
    save_file({name: weight.half().contiguous() for name, weight in weights.items()}, folder / WEIGHTS)


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    target: Annotated[Path, typer.Argument(help="Folder of the model to write.")],
) -> None:
    """Export the nano CLIP."""
    export(run, target)


if __name__ == "__main__":
    typer.run(main)

"""Score the nano CLIP on fresh held-out scenes: python -m training.nano.clip.evaluate --rounds 20

Text-to-image recall@1 among 100 pictures, of combinations that training never showed; a fresh seed each time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import open_clip  # type: ignore[import-untyped]
import torch
import typer
from PIL.Image import Image

from training.nano.clip.exam import AMONG, Matrix, recall

SHIPPED = Path(__file__).parents[1] / "weights" / "hearth-nano-clip"


def score(weights: Path, seed: int, rounds: int) -> float:
    """The mean recall of exported files over ``rounds`` draws."""
    name = f"local-dir:{weights}"
    model, look = open_clip.create_model_from_pretrained(name)
    tokenize = open_clip.get_tokenizer(name)
    model.eval()

    def see(pictures: Sequence[Image]) -> Matrix:
        return _rows(model.encode_image(torch.stack([look(one) for one in pictures]), normalize=True))

    def read(captions: Sequence[str]) -> Matrix:
        return _rows(model.encode_text(tokenize(list(captions)), normalize=True))

    with torch.inference_mode():
        return recall(see, read, seed, rounds)


def _rows(vectors: torch.Tensor) -> Matrix:
    return np.asarray(vectors.float().numpy(), dtype=np.float32)


def main(
    weights: Annotated[Path, typer.Option(help="Folder of exported files.")] = SHIPPED,
    rounds: Annotated[int, typer.Option(min=1, help="Draws of a hundred pictures.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Seed of the scenes; a fresh one if absent.")] = None,
) -> None:
    """Score the nano CLIP."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    share = score(weights, seed, rounds)
    typer.echo(f"seed {seed}: recall@1 among {AMONG} unseen combinations, {rounds} draws: {share:.1%}")


if __name__ == "__main__":
    typer.run(main)

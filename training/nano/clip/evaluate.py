"""Score the nano CLIP on fresh held-out scenes: python -m training.nano.clip.evaluate --rounds 20

Text-to-image recall@1 among 100 pictures, of combinations that training never showed; a fresh seed each time. With --url the model is asked
over HTTP as it is served.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import open_clip  # type: ignore[import-untyped]
import torch
import typer
from PIL.Image import Image

from cluster.errors import EngineError, HearthError
from training.nano.clip.exam import AMONG, BAR, Eyes, Matrix, recall, rows_of
from training.nano.responders import PATIENCE_S, Server

SHIPPED = Path(__file__).parents[1] / "weights" / "hearth-nano-clip"
AT_ONCE = 10  # pictures in a request, which is what a server takes by default


@contextmanager
def exported(weights: Path) -> Iterator[Eyes]:
    """Exported files, in this process."""
    name = f"local-dir:{weights}"
    model, look = open_clip.create_model_from_pretrained(name)
    tokenize = open_clip.get_tokenizer(name)
    model.eval()

    def see(pictures: Sequence[Image]) -> Matrix:
        return rows_of(model.encode_image(torch.stack([look(one) for one in pictures]), normalize=True))

    def read(captions: Sequence[str]) -> Matrix:
        return rows_of(model.encode_text(tokenize(list(captions)), normalize=True))

    with torch.inference_mode():
        yield Eyes(see, read)


@contextmanager
def served(server: Server) -> Iterator[Eyes]:
    """The model as a server serves it. Raises EngineError when it refuses."""
    shown = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, headers=shown) as client:

        def asked(name: str, body: dict[str, Any]) -> list[list[float]]:
            reply = client.post("/api/v1/vision/embed", json={"model": server.model, **body}).json()
            if "error" in reply:
                raise EngineError(f"The model refused pictures or captions: {reply['error']['message']}")
            rows: list[list[float]] = reply["data"][name]
            return rows

        def see(pictures: Sequence[Image]) -> Matrix:
            images = [_png(one) for one in pictures]
            pieces = [images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE)]
            return np.asarray([row for piece in pieces for row in asked("image_embeddings", {"images": piece})], dtype=np.float32)

        def read(captions: Sequence[str]) -> Matrix:
            return np.asarray(asked("text_embeddings", {"texts": list(captions)}), dtype=np.float32)

        yield Eyes(see, read)


def _png(picture: Image) -> str:
    held = BytesIO()
    picture.save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def main(
    weights: Annotated[Path, typer.Option(help="Folder of exported files.")] = SHIPPED,
    rounds: Annotated[int, typer.Option(min=1, help="Draws of a hundred pictures.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Seed of the scenes; a fresh one if absent.")] = None,
    url: Annotated[str, typer.Option(help="Ask the server at this address instead, such as http://127.0.0.1:8003.")] = "",
    model: Annotated[str, typer.Option(help="The model's name on that server.")] = "hearth-nano-clip",
    key_file: Annotated[Path | None, typer.Option(help="File with the API key for that server.")] = None,
    print_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and nothing else.")] = False,
) -> None:
    """Score the nano CLIP."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    key = key_file.read_text(encoding="ascii").strip() if key_file else ""
    try:
        with served(Server(url, model, key)) if url else exported(weights) as eyes:
            share = recall(eyes, seed, rounds)
    except HearthError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if print_json:
        sys.stdout.write(json.dumps({"seed": seed, "rounds": rounds, "among": AMONG, "recall": share, "bar": BAR}) + "\n")
    else:
        sys.stdout.write(f"seed {seed}: recall@1 among {AMONG} unseen combinations, {rounds} draws: {share:.1%}\n")


if __name__ == "__main__":
    typer.run(main)

"""Train the nano CLIP: python -m training.nano.clip --minutes 60 --device auto --out runs/clip

Run the same command again after an interruption and it goes on from the last checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from cluster.errors import ConfigError
from training.nano.clip.loop import Journal, train
from training.nano.clip.run import ClipRun
from training.nano.clip.spec import ClipSpec
from training.nano.devices import choose_device
from training.nano.loop import say
from training.nano.run import Diverged

SizeOption = Literal["auto", "small", "full"]


def main(
    minutes: Annotated[float, typer.Option(help="Minutes of training; a run that exists keeps its own.")] = 60.0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the run: spec, checkpoint, metrics.")] = Path("runs/clip"),
    seed: Annotated[int, typer.Option(help="Seed of weights and scenes.")] = 1,
    size: Annotated[SizeOption, typer.Option(help="The network; auto is full on a card and small on a CPU.")] = "auto",
) -> None:
    """Train the nano CLIP."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        _train(out.absolute(), minutes, choose_device(device), seed, size)
    except (ConfigError, Diverged) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _train(folder: Path, minutes: float, device: str, seed: int, size: SizeOption) -> None:
    chosen = size if size != "auto" else "full" if device == "cuda" else "small"
    spec = ClipSpec.load(folder) if (folder / "run.json").exists() else ClipSpec.on(device, minutes, seed, chosen)
    spec.save(folder)
    torch.set_num_threads(spec.threads)
    run = ClipRun(spec, folder, device)
    begun = f"resumed at step {run.step} after {run.seconds / 60:.1f} minutes" if run.step else "from the beginning"
    say(f"{sum(weight.numel() for weight in run.model.parameters()):,} parameters on {device}; folder {folder}; {begun}")
    train(run)
    Journal(run).exam(5)


if __name__ == "__main__":
    typer.run(main)

"""Train the nano language model: python -m training.nano.llm --minutes 20 --device auto --out runs/nano

Run the same command again after an interruption and it goes on from the last checkpoint. With --workers, Ray Train spreads the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from cluster.errors import ConfigError
from training.nano.devices import choose_device
from training.nano.loop import Journal, say, train
from training.nano.run import Diverged, Run
from training.nano.spec import RunSpec

SizeOption = Literal["auto", "small", "full"]


def main(
    minutes: Annotated[float, typer.Option(help="Minutes of training; a run that exists keeps its own.")] = 45.0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the run: spec, tokenizer, checkpoint, metrics.")] = Path("runs/nano"),
    seed: Annotated[int, typer.Option(help="Seed of weights and text.")] = 1,
    size: Annotated[SizeOption, typer.Option(help="The network; auto is full on a card and small on a CPU.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; more than one are started by Ray Train.")] = 1,
    address: Annotated[str, typer.Option(help="Ray cluster of the workers; local is one of its own, auto the one running here.")] = "local",
) -> None:
    """Train the nano language model."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        _train(out.absolute(), minutes, choose_device(device), seed, size, workers, address)
    except (ConfigError, Diverged) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _train(folder: Path, minutes: float, device: str, seed: int, size: SizeOption, workers: int, address: str) -> None:
    chosen = size if size != "auto" else "full" if device == "cuda" else "small"
    spec = RunSpec.load(folder) if (folder / "run.json").exists() else RunSpec.on(device, minutes, seed, chosen)
    spec.save(folder)
    if workers > 1:
        # Ray Train needs its own packages only here.
        from training.nano.workers import train_on

        train_on(workers, spec, folder, device, address)
        return
    torch.set_num_threads(spec.threads)
    run = Run(spec, folder, device)
    begun = f"resumed at step {run.step} after {run.seconds / 60:.1f} minutes" if run.step else "from the beginning"
    say(f"{sum(w.numel() for w in run.model.parameters()):,} parameters on {device}, {run.dtype}; folder {folder}; {begun}")
    train(run)
    Journal(run).exam(100)


if __name__ == "__main__":
    typer.run(main)

"""The command of a recipe: ``--minutes``, ``--device``, ``--out`` and the rest, the same for every network of the family.

Run the same command again after an interruption and it goes on from the last checkpoint. With --workers, Ray Train spreads the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer

from cluster.errors import ConfigError
from training.nano.devices import choose_device
from training.nano.loop import AnyTrainee, Journal, say, train
from training.nano.ranks import Ranks
from training.nano.trainee import Diverged
from training.nano.training_spec import TrainingSpec

SizeOption = Literal["auto", "small", "full"]
Begin = Callable[[Any, Path, str, Ranks], AnyTrainee]


@dataclass(frozen=True)
class Recipe:
    """``begin``: a run of ``spec`` in a folder, on a device, as one of several workers. Importable by its name, since workers do so.
    ``folder``: where a run is whose place is not said."""

    spec: type[TrainingSpec]
    begin: Begin
    folder: Path


@dataclass(frozen=True)
class Workers:
    """How many processes share the run, and the Ray cluster that starts more than one."""

    count: int
    address: str


def run(recipe: Recipe) -> None:
    """The command, from the arguments of this process."""

    def main(
        out: Annotated[Path, typer.Option(help="Folder of the run: spec, checkpoint, metrics.")] = recipe.folder,
        minutes: Annotated[float, typer.Option(help="Minutes of training; a run that exists keeps its own.")] = minutes_of(recipe.spec),
        device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
        seed: Annotated[int, typer.Option(help="Seed of weights and examples.")] = 1,
        size: Annotated[SizeOption, typer.Option(help="The network; auto is full on a card and small on a CPU.")] = "auto",
        threads: Annotated[int, typer.Option(min=0, help="CPU threads, on an idle machine as many as cores; 0: the run's own.")] = 0,
        workers: Annotated[int, typer.Option(min=1, help="Worker processes; more than one are started by Ray Train.")] = 1,
        address: Annotated[str, typer.Option(help="Ray cluster of the workers; local: one of its own, auto: the one here.")] = "local",
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        try:
            chosen = choose_device(device)
            fitting = size if size != "auto" else "full" if chosen == "cuda" else "small"
            spec = recipe.spec.of_folder(out, chosen, minutes, seed, fitting)
            spec = spec.model_copy(update={"threads": threads}) if threads else spec
            train_in(out.absolute(), recipe, spec, chosen, Workers(workers, address))
        except (ConfigError, Diverged) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error

    main.__doc__ = f"Train the {recipe.spec.of}."
    typer.run(main)


def minutes_of(spec: type[TrainingSpec]) -> float:
    return float(spec.model_fields["minutes"].default)


def train_in(folder: Path, recipe: Recipe, spec: TrainingSpec, device: str, workers: Workers) -> None:
    """The whole of a run, its last examination included. Raises ConfigError and Diverged."""
    if workers.count > 1:
        # Ray Train needs its own packages only here.
        from training.nano.workers import train_on

        train_on(workers.count, recipe.begin, spec, folder, device, workers.address)
        return
    torch.set_num_threads(spec.threads)
    trainee = recipe.begin(spec, folder, device, Ranks())
    begun = f"resumed at step {trainee.step} after {trainee.seconds / 60:.1f} minutes" if trainee.step else "from the beginning"
    say(f"{sum(weight.numel() for weight in trainee.model.parameters()):,} parameters on {device}; folder {folder}; {begun}")
    train(trainee)
    Journal(trainee).exam(last=True)

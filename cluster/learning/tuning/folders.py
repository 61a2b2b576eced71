"""The folder of one training, below HEARTH_HOME/files: what it writes down on the way, and the adapter that comes of it::

checkpoint.pt    the last checkpoint, from which a killed training goes on
metrics.jsonl    one line of figures for each report: `train_loss` and `tokens_per_s`, or `held_out_loss`
best/            the adapter with the lowest held-out loss so far
trials/00, ...   of a search: a folder like this one for each trial
adapter/         the one that was handed over, as PEFT saves it, with `lineage.json`
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from cluster.home import Home

METRICS = "metrics.jsonl"
BEST = "best"
TRIALS = "trials"
ADAPTER = "adapter"
LINEAGE = "lineage.json"
Figures = dict[str, float]


def tuning_folder(home: Home, organisation_id: uuid.UUID, job_id: uuid.UUID) -> Path:
    """Where a training writes; it need not be there yet."""
    return tunings(home) / str(organisation_id) / str(job_id)


def tunings(home: Home) -> Path:
    """Where the folders of all organisations are."""
    return home.files / "fine_tuning"


def trial_folder(folder: Path, number: int) -> Path:
    """Of the trial with this number, counted from 0, of the search that writes in ``folder``."""
    return folder / TRIALS / f"{number:02d}"


def read_metrics(folder: Path) -> list[Figures]:
    """The figures so far, in the order of their steps; a last line that is only half written is left out. Of a search, those of one trial
    after another, with the number of the `trial`, counted from 1."""
    trials = sorted((folder / TRIALS).glob("*"), key=lambda trial: int(trial.name))
    told = [{"trial": int(trial.name) + 1, **figures} for trial in trials for figures in _lines(trial / METRICS)]
    return [*_lines(folder / METRICS), *told]


def append_metrics(folder: Path, figures: Figures) -> None:
    with (folder / METRICS).open("a") as file:
        file.write(json.dumps(figures) + "\n")


def forget_metrics_after(folder: Path, step: int) -> None:
    """Figures behind a checkpoint come again when the training goes on from it."""
    kept = [figures for figures in read_metrics(folder) if figures["step"] <= step]
    draft = folder / f"{METRICS}.new"
    with draft.open("w") as file:
        file.writelines(json.dumps(figures) + "\n" for figures in kept)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / METRICS)


def _lines(path: Path) -> Iterator[Figures]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return
    whole = text[: text.rfind("\n") + 1]
    for line in whole.splitlines():
        figures: Figures = json.loads(line)
        yield figures

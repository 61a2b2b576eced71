"""The job that trains an adapter. Its spec is ``cluster.learning.tuning.spec.TuningSpec``; a second attempt goes on from the checkpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from transformers import AutoTokenizer

from cluster.batches.files import file_store
from cluster.errors import Conflict, NotFound, Unprocessable
from cluster.hardware import CPU
from cluster.home import Home
from cluster.jobs.work import Work, run_job
from cluster.learning.datasets.loading import DatasetVersion, load
from cluster.learning.tuning.folders import ADAPTER, BEST, LINEAGE, tuning_folder
from cluster.learning.tuning.spec import DataFile, DataVersion, Hyperparameters, TuningSpec
from cluster.learning.tuning.weights import find_base
from cluster.runtime.launch import read_launch
from cluster.standing_back import stand_back
from cluster.stores.sql import AsyncSession
from training.finetune.candidates import candidates, told
from training.finetune.course import Course
from training.finetune.data import Data, Sources, load_data
from training.finetune.database import in_database
from training.finetune.disk import writing
from training.finetune.handover import hand_over
from training.finetune.lease import Held, Wanted, leased
from training.finetune.ledger import RayLedger
from training.finetune.lineage import lineage_of
from training.finetune.loop import Outcome, train
from training.finetune.memory import needed_bytes
from training.finetune.remarks import remarks_on
from training.finetune.run import Run, Task
from training.finetune.trials import Trial, search
from training.finetune.turns import turn
from training.finetune.workers import Place, cards_of, train_on

HALF, FULL = 2, 4  # bytes of a weight


def tune(work: Work, card: str = "cuda") -> dict[str, Any]:
    """The result: the ``adapter`` that was handed over, its ``model`` name, its ``lineage``, and ``trained_tokens``. ``card``: what torch
    calls the cards that are leased; ``cpu`` where a profile only declares some."""
    stand_back(work.settings.tuning.niceness)
    spec = TuningSpec.model_validate(work.spec)
    task = _task(work, spec)
    data, parameters = _prepared(work, task)
    outcome, trials = _trained(work, spec, task, parameters, card)
    folder = task.folder / ADAPTER
    lineage = lineage_of(spec, task, data, outcome, str(work.id), parameters, trials)
    with writing(task.folder):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(task.folder / BEST, folder)
        (folder / LINEAGE).write_text(json.dumps(lineage, indent=2))
    adapter = hand_over(work, spec, folder, lineage)
    work.log(f"The adapter is '{adapter['model']}'.")
    return {**adapter, "lineage": lineage, "trained_tokens": outcome.tokens}


def _task(work: Work, spec: TuningSpec) -> Task:
    home = Home(work.settings.home)
    folder = tuning_folder(home, work.organisation_id, work.id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Task(spec.base, find_base(spec.base, home), _sources(work, spec), spec.parameters, folder, work.settings.tuning, spec.method)


def _sources(work: Work, spec: TuningSpec) -> Sources:
    """Of a version of a dataset, what it holds out judges, unless another file is to. Raises Conflict for one in which words were taken
    back since."""
    judging = _file(work, spec.validation) if spec.validation is not None else None
    if isinstance(spec.train, DataFile):
        return Sources(_file(work, spec.train), judging)
    version = in_database(work.settings, partial(_version, work, spec.train))
    held_out = version.path_held_out if version.counts["held_out"] else None
    return Sources(version.path_train, judging or held_out)


async def _version(work: Work, data: DataVersion, session: AsyncSession) -> DatasetVersion:
    return await load(session, work.organisation_id, data.dataset_id, data.version, home=Home(work.settings.home))


def _file(work: Work, file: DataFile) -> Path:
    """Raises NotFound where it was removed, and Conflict where its bytes are not those that were examined."""
    path = file_store(Home(work.settings.home)).path(work.organisation_id, file.file_id)
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        raise NotFound(f"The file of examples (file-{file.file_id.hex}) was removed; upload it, and start another training.") from None
    if digest != file.sha256:
        raise Conflict(f"file-{file.file_id.hex} holds other bytes than when it was examined; upload it again.")
    return path


def _prepared(work: Work, task: Task) -> tuple[Data, Hyperparameters]:
    """The examples, which say what is left of the file, and the parameters with nothing left open."""
    work.progress(0, None, "steps", "reading examples")
    tokenizer = AutoTokenizer.from_pretrained(task.weights, local_files_only=True)
    data = load_data(task.sources, tokenizer, task.parameters, task.limits, task.method)
    config = json.loads((task.weights / "config.json").read_text())
    width = config.get("text_config", config)["hidden_size"]
    settled = task.parameters.settled(len(data.train), width, task.method)
    course, tally = Course(settled, len(data.train)), data.tally
    work.log(
        f"{len(data.train)} examples to learn from and {len(data.held_out)} to judge by; {tally.truncated} were truncated and "
        f"{tally.dropped} dropped, being over {settled.max_tokens} tokens."
    )
    for remark in remarks_on(data):
        work.log(remark)
    work.log(f"{course.steps} steps of {settled.batch_size} examples, with a learning rate of {settled.learning_rate:.2g} at most.")
    if settled.search is not None and not data.held_out:
        raise Unprocessable("No example is held out, so trials of a search cannot be compared; raise held_out, or name a validation file.")
    return data, settled


def _trained(work: Work, spec: TuningSpec, task: Task, settled: Hyperparameters, card: str) -> tuple[Outcome, list[Trial]]:
    chosen = candidates(settled, settled.search) if settled.search is not None else []
    begun: set[int] = set()
    with _place(work, spec, task, card) as (place, held):
        seen: list[str] = []

        def report(figures: Mapping[str, float]) -> None:
            number = int(figures.get("trial", 0))
            if number and number not in begun:
                begun.add(number)
                work.log(f"Trial {number} of {len(chosen)}: {told(chosen[number - 1])}.")
            work.log(line_of(figures))
            if number:
                work.progress(number - 1, len(chosen), "trials", f"trial {number} of {len(chosen)}")
            else:
                work.progress(int(figures["step"]), int(figures["steps"]), "steps", "training")

        def check() -> None:
            work.check()
            if held is None:
                return
            held.check()
            # Workers that were replaced may be on another card than those that died.
            if (cards := cards_of(task.folder, spec.workers)) and cards != seen:
                held.taken = _devices(work, cards)
                seen[:] = cards

        def stopping() -> bool:
            check()
            return False

        if place is None:
            # One worker on the CPU is this process: another one would be no faster, and hold the model beside Ray's own processes.
            return train(Run(task, "cpu"), report, stopping), []
        if chosen:
            return search(task, place, chosen, report, check)
        return train_on(task, place, report, check), []


@contextmanager
def _place(work: Work, spec: TuningSpec, task: Task, card: str) -> Iterator[tuple[Place | None, Held | None]]:
    """Where it trains, when it is its turn there. On cards a lease is held meanwhile."""
    home = Home(work.settings.home)
    if read_launch(home).gpus:
        ray.init(log_to_driver=True, ignore_reinit_error=True)
        ids = [str(uuid.uuid5(work.id, str(number))) for number in range(spec.workers)]
        each = needed_bytes(task.weights, task.parameters, FULL, task.method)
        wanted = Wanted(ids, f"fine-tuning {work.id}", each)
        with leased(RayLedger(), wanted, work.settings.tuning, lambda told: _waiting(work, told)) as held:
            work.log(f"Memory is leased on {', '.join(held.devices)}: {each / 2**30:.1f} GiB each.")
            yield Place(spec.workers, held.share, card), held
        return
    with turn(home, work.settings.tuning.turn_wait_s, lambda: _waiting(work, "another training has the CPU")):
        work.log("It trains on the CPU, in float32: this profile has no GPU, so there is no device memory to lease.")
        elsewhere = spec.workers > 1 or spec.parameters.search is not None
        if elsewhere:
            ray.init(log_to_driver=True, ignore_reinit_error=True)
        yield (Place(spec.workers) if elsewhere else None), None


def _devices(work: Work, cards: list[str]) -> list[str]:
    """What the ledger calls Ray's ``cards``."""
    known = read_launch(Home(work.settings.home)).gpus
    devices = [device.id for device in RayLedger().snapshot().devices if device.id != CPU]
    return [devices[known.index(card) if card in known else int(card)] for card in cards]


def _waiting(work: Work, told: str) -> None:
    work.progress(0, None, "steps", f"waiting: {told}"[:200])


def line_of(figures: Mapping[str, float]) -> str:
    """For people, and for clients of OpenAI's that read its events."""
    trial = f"Trial {int(figures['trial'])}: " if "trial" in figures else ""
    where = f"{trial}Step {int(figures['step'])}/{int(figures['steps'])}: "
    side, name = ("held_out", "validation") if "held_out_loss" in figures else ("train", "training")
    told = [f"{name} loss={figures[f'{side}_loss']:.4f}"]
    if f"{side}_reward_margin" in figures:
        told.append(f"reward accuracy={figures[f'{side}_reward_accuracy']:.2f}, margin={figures[f'{side}_reward_margin']:.3f}")
    if "tokens_per_s" in figures:
        told.append(f"{figures['tokens_per_s']:.0f} tokens/s")
    return where + ", ".join(told)


def main() -> None:
    run_job(tune)

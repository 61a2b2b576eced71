"""One step of an optimisation: measure and propose, apply, or revert. Its spec is a ``Step``.

One process at a time changes or measures the machine, whoever asked; the others wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from cluster.contracts.models import ModelKind
from cluster.errors import Conflict
from cluster.gateway import ModelGateway
from cluster.jobs.work import Work
from cluster.optimising.change import OptimiserName
from cluster.optimising.kept import Kept
from cluster.optimising.wanted import Step, Wanted
from cluster.stores.sql import Database
from training.gate.examination import Waiting
from training.optimise.applying import Applying
from training.optimise.measuring import Rigs
from training.optimise.prompts import Prompt
from training.optimise.residency import Residency
from training.optimise.scene import Optimiser, Scene
from training.optimise.served import ServedOptimiser

OPTIMISERS: Mapping[OptimiserName, Optimiser] = {
    "parallel": ServedOptimiser("parallel", "parallel", ModelKind.LLM),
    "context": ServedOptimiser("context", "context_tokens", ModelKind.LLM),
    "batch": ServedOptimiser("batch", "batch_tokens", ModelKind.EMBEDDING),
    "residency": Residency(),
    "prompt": Prompt(),
}
LOOK_S = 1.0


class Optimising:
    """``step`` of an optimisation."""

    def __init__(self, scene: Scene, step: Step) -> None:
        self._scene = scene
        self._step = step

    @classmethod
    def of(cls, work: Work, wait: Waiting, models: ModelGateway, database: Database, rigs: Rigs) -> Optimising:
        """The step that the job of ``work`` is to take."""
        step = Step.model_validate(work.spec)
        kept = Kept(database, step.optimisation, work.id, work.attempt)
        wanted = Wanted.model_validate(wait(kept.row).asked)
        return cls(Scene(work, wait, models, database, rigs, kept, wanted), step)

    def run(self) -> dict[str, Any]:
        """The optimisation's id, and how its changes stand."""
        with self._turn():
            self._mend()
            self._do()
        rows = self._scene.wait(self._scene.kept.changes)
        return {"optimisation": str(self._scene.kept.id), "changes": {str(row.number): row.state for row in rows}}

    def _mend(self) -> None:
        """What a process that was killed left behind: changes that nobody will measure any more, and a setting that was only tried."""
        applying = Applying(self._scene)
        for row in self._scene.wait(self._scene.kept.stranded):
            applying.strand(row)
        box = self._scene.box()
        for model in box.replicas:
            if box.tuning(model) != box.due(model):
                self._scene.rigs.live(model).set(box.due(model))

    def _do(self) -> None:
        scene, step = self._scene, self._step
        if step.do == "measure":
            self._measure()
            return
        row = scene.wait(scene.kept.change, step.change or 0)
        applying = Applying(scene)
        if step.do == "apply":
            applying.apply(row)
        else:
            applying.revert(row)

    def _measure(self) -> None:
        scene = self._scene
        had = {(row.optimiser, row.subject): row for row in scene.wait(scene.kept.changes)}
        for name in scene.wanted.optimisers:
            subjects = OPTIMISERS[name].subjects(scene)
            if not subjects:
                scene.wait(scene.kept.note, f"{name}: there is nothing it could look at among what is served.")
            for subject in subjects:
                row = had.get((name, subject)) or self._propose(name, subject)
                if scene.wanted.apply and row.change is not None and row.state in {"proposed", "applying"}:
                    Applying(scene).apply(row)

    def _propose(self, name: OptimiserName, subject: str) -> Any:
        scene = self._scene
        scene.work.progress(0, None, "rounds", f"{name} {subject}")
        proposal = OPTIMISERS[name].propose(scene, subject)
        scene.work.log(f"{name} {subject}: {proposal.reason}")
        return scene.wait(scene.kept.propose, proposal)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Two that measure at once would measure each other."""
        scene, limits = self._scene, self._scene.limits
        scene.home.run.mkdir(parents=True, exist_ok=True)
        lock, waited = FileLock(scene.home.run / "optimising.lock"), 0.0
        while True:
            try:
                lock.acquire(timeout=LOOK_S)
                break
            except Timeout:
                scene.work.progress(0, None, "rounds", "waiting for another measurement to end")
                waited += LOOK_S
                if waited >= limits.patience_s:
                    told = f"Another optimisation has been at work for {limits.patience_s:.0f} s (optimising.patience_s)"
                    raise Conflict(f"{told}; ask again when it has ended.") from None
        try:
            yield
        finally:
            lock.release()

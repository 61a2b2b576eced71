"""A change comes into force, is measured again, and goes back if it is worse.

What was in force before is written down first; then the file that makes it last, then what is served. So whoever goes on after a kill, at
any point, knows both what is and what was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cluster.contracts.serving import Retuning
from cluster.errors import Conflict, HearthError
from cluster.jobs.work import Superseded
from cluster.optimising.change import LIVE, Evidence, PromptChange, ServedChange, as_change
from cluster.optimising.overrides import Override, Overrides
from cluster.optimising.table import OptimisationChange
from cluster.optimising.weighing import weigh
from training.optimise.prompt_versions import add_version, take_back
from training.optimise.scene import Scene
from training.optimise.served import RESTART, evidence, load_of


class Applying:
    """Of the changes of one optimisation."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def apply(self, row: OptimisationChange) -> str:
        """How it stands then. Whatever is raised, what is served and what lasts are as they were before."""
        change = as_change(row.change or {})
        if isinstance(change, PromptChange):
            return self._new_version(row, change)
        live = self._scene.box().takes(change.model, change.field, change.after)
        outcome = self._begun(row, change)
        self._overrides.put(self._override(change))
        if not live:
            return self._later(row, change, outcome)
        try:
            return self._measured(row, change, outcome)
        except Superseded:
            raise  # whoever does the job now goes on from here
        except BaseException as error:
            why = error.message if isinstance(error, HearthError) else type(error).__name__
            self._back(change, outcome)
            self._move_late(row, f"It was taken back, because its measurement ended: {why}")
            raise

    def revert(self, row: OptimisationChange) -> str:
        change = as_change(row.change or {})
        if isinstance(change, PromptChange):
            version = self._scene.wait(take_back, self._scene, change, row.applied_version)
            return self._move(row, "reverted", f"The prompt says what version {change.version} said, as version {version}.")
        self._need_latest(change)
        told = self._back(change, row.outcome or {})
        return self._move(row, "reverted", f"{change.field} is {change.before} again. {told}".strip())

    def _need_latest(self, change: ServedChange) -> None:
        """Raises Conflict where another optimisation has changed the same since: what was before this one is not what is to come back."""
        now = self._overrides.find(change.model, change.field)
        if now is not None and now.by != str(self._scene.kept.id):
            raise Conflict(f"{now}: it is the later one; take that back first.")

    def strand(self, row: OptimisationChange) -> None:
        """One whose job ended before it was proven."""
        change = as_change(row.change or {})
        if isinstance(change, ServedChange):
            self._back(change, row.outcome or {})
        self._scene.wait(self._scene.kept.taken_back, row, "It was taken back, because its job ended before it was measured.")

    def _begun(self, row: OptimisationChange, change: ServedChange) -> Mapping[str, Any]:
        """What was in force before: of an attempt before this one, where that had begun."""
        if row.state in {"applying", "waiting"} and row.outcome is not None:
            return row.outcome
        earlier = self._overrides.find(change.model, change.field)
        outcome = {"earlier": None if earlier is None else earlier.model_dump(mode="json")}
        self._scene.wait(self._move_with, row, "applying", "It is in force, and being measured.", outcome)
        return outcome

    def _later(self, row: OptimisationChange, change: ServedChange, outcome: Mapping[str, Any]) -> str:
        """What takes a start is in force from then on; when the cluster has it, that is said."""
        scene = self._scene
        now = (
            scene.box().residents[change.model].pinned
            if change.field == "pinned"
            else getattr(scene.box().replica(change.model), change.field)
        )
        if now == change.after:
            return self._move(row, "applied", f"The cluster runs with {change.field} {change.after}.")
        scene.wait(self._move_with, row, "waiting", f"It is in force from the next start on: {RESTART}", dict(outcome))
        return "waiting"

    def _measured(self, row: OptimisationChange, change: ServedChange, outcome: Mapping[str, Any]) -> str:
        scene = self._scene
        rig, spec, tuning = scene.rigs.live(change.model), scene.box().replica(change.model), scene.box().tuning(change.model)
        settings = {"before": self._tuned(tuning, change, change.before), "after": self._tuned(tuning, change, change.after)}
        slots = [int(value) for value in (change.before, change.after) if change.field == "parallel" and value is not None]
        load = load_of(scene, spec.model_copy(update={"parallel": min(slots, default=spec.parallel)}), slots or [1])
        # With people in between: the rounds are interleaved, so that whatever they do meets both alike.
        rounds = scene.rounds(f"applying {row.number} {scene.work.id.hex[:8]}", settings, quietly=False)
        values = rounds.run(rig, load, scene.limits.rounds)
        weighed = weigh(values["before"], values["after"], scene.limits.confidence, scene.limits.resamples)
        found = evidence(load, values["before"], values["after"], weighed)
        told = f"a ratio of {weighed.ratio:.3f} ({weighed.low:.3f} to {weighed.high:.3f}) of {load.metric}"
        if weighed.worse:
            self._back(change, outcome)
            return self._move(row, "reverted", f"In service it was worse beyond noise, {told}; it was taken back.", found, outcome)
        rig.set(scene.box().due(change.model))
        return self._move(row, "applied", f"In service it showed {told}; it stays.", found, outcome)

    def _back(self, change: ServedChange, outcome: Mapping[str, Any]) -> str:
        """What is served, and what lasts, as before; what remains to be done by a person."""
        earlier = outcome.get("earlier")
        self._overrides.restore(change, None if earlier is None else Override.model_validate(earlier))
        box = self._scene.box()
        if change.field not in LIVE:
            return f"It takes a start: {RESTART}"
        self._scene.rigs.live(change.model).set(box.due(change.model))
        if getattr(self._scene.box().replica(change.model), change.field) != change.before:
            return f"What the engine takes by itself is in force from the next start on: {RESTART}"
        return ""

    def _tuned(self, tuning: Retuning, change: ServedChange, value: int | bool | None) -> Retuning:
        return tuning.model_copy(update={change.field: value})

    def _new_version(self, row: OptimisationChange, change: PromptChange) -> str:
        version = self._scene.wait(add_version, self._scene, change)
        move = partial(self._scene.kept.move, applied_version=version)
        self._scene.wait(move, row.number, "applied", f"It is version {version} of the prompt.")
        return "applied"

    def _move(
        self, row: OptimisationChange, state: Any, reason: str, found: Evidence | None = None, outcome: Mapping[str, Any] | None = None
    ) -> str:
        kept = {**(outcome or row.outcome or {}), **({"measured": found.model_dump(mode="json")} if found is not None else {})}
        self._scene.wait(self._move_with, row, state, reason, kept)
        self._scene.work.log(reason)
        return str(state)

    def _move_late(self, row: OptimisationChange, reason: str) -> None:
        """Where the job is cancelled, or no longer this process's, there is nobody to tell."""
        try:
            self._scene.wait(self._move_with, row, "reverted", reason, row.outcome or {})
        except Conflict:
            return

    async def _move_with(self, row: OptimisationChange, state: Any, reason: str, outcome: Mapping[str, Any]) -> None:
        await self._scene.kept.move(row.number, state, reason, outcome=dict(outcome))

    @property
    def _overrides(self) -> Overrides:
        return Overrides(self._scene.home, self._scene.box().profile.name)

    def _override(self, change: ServedChange) -> Override:
        return Override(
            model=change.model, field=change.field, value=change.after, was=change.before, by=str(self._scene.kept.id), at=datetime.now(UTC)
        )

"""Slots and context of a language model, batches of an embedding model: other values are measured beside the one in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec, Retuning
from cluster.errors import ConfigError, Conflict
from cluster.optimising.change import Evidence, OptimiserName, ServedChange, TunedField
from cluster.optimising.kept import Proposal
from cluster.optimising.load import Load, Reading, Talk
from cluster.optimising.weighing import Weighed, weigh
from training.optimise.measuring import Rig, median
from training.optimise.scene import Scene

RESTART = "./hearth down && ./hearth up --detach"
PRESENT = "in force"
# Where an engine does not say what it takes for best.
BATCHES = (128, 256, 512, 1024, 2048)


@dataclass(frozen=True, slots=True)
class Tried:
    """A value beside the one in force, what was measured of both, and whether it is to be proposed."""

    value: int
    weighed: Weighed
    good: bool

    def __str__(self) -> str:
        return f"{self.value}: {self.weighed.ratio:.3f} ({self.weighed.low:.3f} to {self.weighed.high:.3f})"


@dataclass(frozen=True)
class ServedOptimiser:
    """Of one ``field`` of models of a ``kind``."""

    name: OptimiserName
    field: TunedField
    kind: ModelKind

    def subjects(self, scene: Scene) -> list[str]:
        running = scene.box().kinds(self.kind)
        return [model for model in running if scene.wanted.models is None or model in scene.wanted.models]

    def propose(self, scene: Scene, subject: str) -> Proposal:
        spec = scene.box().replica(subject)
        possible, refusals = self._possible(scene, spec)
        if not possible:
            return self._refused(subject, " ".join(refusals) or f"There is no other value to try than {self._present(spec)}.")
        settings = {PRESENT: Retuning(**{self.field: self._present(spec)})}
        settings |= {str(value): Retuning(**{self.field: value}) for value in possible}
        load = load_of(scene, spec, [replica.parallel for replica in possible.values()])
        rounds = scene.rounds(f"{self.name} {subject}", settings, quietly=scene.wanted.moment == "idle")
        try:
            with self._rig(scene, spec, possible) as rig:
                values = rounds.run(rig, load, scene.limits.rounds)
        except (Conflict, ConfigError) as error:
            return self._refused(subject, " ".join([error.message, *refusals]))
        return self._concluded(scene, subject, spec, load, values, refusals)

    def _possible(self, scene: Scene, spec: ReplicaSpec) -> tuple[dict[int, ReplicaSpec], list[str]]:
        """The values that fit this machine, and why others do not."""
        asked = scene.wanted.values.get(self.name) or self._usual(spec)
        fitting: dict[int, ReplicaSpec] = {}
        refusals = []
        for value in dict.fromkeys(value for value in asked if value != self._present(spec)):
            try:
                fitting[value] = scene.box().planned(spec.model, self.field, value)
            except ConfigError as error:
                refusals.append(f"{value} is not possible: {error.message}")
        return fitting, refusals

    def _usual(self, spec: ReplicaSpec) -> Sequence[int]:
        present = self._present(spec)
        if present is None:
            return BATCHES
        if self.field == "context_tokens":
            return (present * 2,)
        return [value for value in (present // 2, present * 2) if value >= 1]

    def _present(self, spec: ReplicaSpec) -> int | None:
        value = getattr(spec, self.field)
        assert value is None or isinstance(value, int)
        return value

    def _rig(self, scene: Scene, spec: ReplicaSpec, possible: Mapping[int, ReplicaSpec]) -> AbstractContextManager[Rig]:
        if scene.wanted.moment == "window":
            if self.field == "context_tokens":
                raise Conflict("A context is measured beside what is served only, for people would meet the shorter one: ask with 'idle'.")
            if not all(scene.box().takes(spec.model, self.field, value) for value in possible):
                raise Conflict(f"The budget that '{spec.model}' has on its card does not hold what was to be tried; set it in the profile.")
            return Restored(scene, spec.model)
        budget = max(spec.budget_bytes, *(replica.budget_bytes for replica in possible.values()))
        return scene.rigs.beside(spec.model_copy(update={"budget_bytes": budget, "state_dir": ""}))

    def _concluded(
        self, scene: Scene, subject: str, spec: ReplicaSpec, load: Load, values: Mapping[str, list[float]], refusals: Sequence[str]
    ) -> Proposal:
        tried = [
            self._tried(scene, int(name), values[PRESENT], found, len(values) - 1) for name, found in values.items() if name != PRESENT
        ]
        good = [one for one in tried if one.good]
        told = "; ".join(str(one) for one in tried)
        if not good:
            best = max(tried, key=lambda one: one.weighed.ratio)
            return Proposal(
                self.name,
                subject,
                "refused",
                f"Nothing tried beside {self._present(spec)} is better beyond noise by {scene.limits.min_gain:.0%}. "
                f"Ratios of {load.metric}: " + " ".join([f"{told}.", *refusals]),
                evidence=self._evidence(scene, subject, load, values, best),
            )
        best = max(good, key=lambda one: one.value if self.field == "context_tokens" else one.weighed.ratio)
        change = ServedChange(model=subject, field=self.field, before=self._present(spec), after=best.value)
        live = scene.box().takes(subject, self.field, best.value)
        how = "It is taken by what is served, at once and without a failed request." if live else f"It takes a start: {RESTART}"
        reason = f"{self.field} {best.value} in place of {change.before}. Ratios of {load.metric}: " + " ".join([f"{told}.", *refusals])
        return Proposal(self.name, subject, "proposed", reason, how, change, self._evidence(scene, subject, load, values, best))

    def _tried(self, scene: Scene, value: int, before: list[float], after: list[float], tried: int) -> Tried:
        """All values of one measurement together err with at most the chance that the confidence leaves (Bonferroni)."""
        limits = scene.limits
        weighed = weigh(before, after, 1 - (1 - limits.confidence) / tried, limits.resamples)
        if self.field == "context_tokens":
            return Tried(value, weighed, weighed.low >= 1 - limits.tolerance)
        return Tried(value, weighed, weighed.better and weighed.ratio >= 1 + limits.min_gain)

    def _evidence(self, scene: Scene, subject: str, load: Load, values: Mapping[str, list[float]], best: Tried) -> Evidence:
        name, after = f"{self.name} {subject}", str(best.value)
        more = {
            f"{figure}_{when}": median(found)
            for figure in ("p95_answer_s", "memory_bytes")
            for when, setting in (("before", PRESENT), ("after", after))
            if (found := scene.wait(scene.kept.figures, name, setting, figure))
        }
        return evidence(load, values[PRESENT], values[after], best.weighed, more)

    def _refused(self, subject: str, reason: str) -> Proposal:
        return Proposal(self.name, subject, "refused", reason)


class Restored:
    """What is served; when it has been measured, however that ended, it is as it is to be."""

    def __init__(self, scene: Scene, model: str) -> None:
        self._rig = scene.rigs.live(model)
        self._scene, self._model = scene, model

    def __enter__(self) -> Rig:
        return self._rig

    def __exit__(self, *_: object) -> None:
        self._rig.set(self._scene.box().due(self._model))


def load_of(scene: Scene, spec: ReplicaSpec, parallel: Sequence[int]) -> Load:
    """What a replica is asked. ``parallel``: slots of the settings that are compared."""
    if spec.kind is ModelKind.EMBEDDING:
        return Reading(spec.model, scene.limits.texts)
    streams = scene.wanted.streams or max(2 * spec.parallel, *parallel)
    return Talk(spec.model, streams, scene.limits.prompt_words, scene.limits.answer_tokens)


def evidence(
    load: Load, before: Sequence[float], after: Sequence[float], weighed: Weighed, more: Mapping[str, float] | None = None
) -> Evidence:
    return Evidence(
        metric=load.metric,
        unit=load.unit,
        before=median(before),
        after=median(after),
        ratio=weighed.ratio,
        low=weighed.low,
        high=weighed.high,
        confidence=weighed.confidence,
        samples=weighed.rounds,
        more=more or {},
    )

"""What has to be remembered between two looks at the cluster: who waits since when, which replica sits where, who was told to leave.

Still pure: what is seen and the time are handed in. One Keeper lives as long as the Serve controller; after a restart it learns everything
again from what it sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.contracts.serving import ResidentModel
from cluster.residency.decide import decide
from cluster.residency.world import Device, LeaseNow, ModelNow, Occupant, Outcome, Phase, Pool, Rules, World, gpu_share


@dataclass(frozen=True, slots=True)
class Seen:
    """One model as Serve shows it: the replica count it was told, the names of those that answer, and its requests, waiting or running."""

    model: str
    target: int
    replicas: tuple[str, ...]
    requests: float


@dataclass(frozen=True, slots=True)
class News:
    """What the ledger found out: the device of a replica by its name, replicas whose process is gone, why a model cannot start, measured
    load times, and leases."""

    devices: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    failures: Mapping[str, str] = field(default_factory=dict)
    load_s: Mapping[str, float] = field(default_factory=dict)
    leases: tuple[LeaseNow, ...] = ()


@dataclass(slots=True)
class _Memory:
    """Of one model. ``replicas``: every replica name that may still hold a share, with its device. ``expected``: devices of starts."""

    replicas: dict[str, str | None] = field(default_factory=dict)
    left_at: dict[str, float] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)
    began: float | None = None
    waiting_since: float | None = None
    ready_since: float | None = None
    last_used: float = 0.0
    evicted: bool = False
    load_s: float | None = None


class Keeper:
    """``drain_s``: a replica told to leave is taken for gone after this long, even if nobody confirmed it (Serve kills it by then)."""

    def __init__(self, models: Sequence[ResidentModel], devices: Sequence[Device], rules: Rules, drain_s: float) -> None:
        self._models = {model.model: model for model in models}
        self._devices = tuple(devices)
        self._rules = rules
        self._drain_s = drain_s
        self._memory: dict[str, _Memory] = {}
        self._world: World | None = None

    def tick(self, now: float, seen: Sequence[Seen], news: News) -> Outcome:
        """The outcome for what is seen now. ``targets`` repeats an eviction until Serve has carried it out."""
        known = [one for one in seen if one.model in self._models]
        models, occupants = [], []
        for one in known:
            memory = self._memory.setdefault(one.model, _Memory(last_used=now))
            self._remember(memory, one, news, now)
            models.append(self._model(memory, one, news))
            occupants.extend(self._occupants(memory, one, models[-1]))
        self._world = World(now, self._devices, tuple(models), tuple(occupants), news.leases)
        outcome = decide(self._world, self._rules)
        return self._note(outcome, known, now)

    @property
    def world(self) -> World:
        """The world of the last tick."""
        assert self._world is not None, "tick() comes first"
        return self._world

    def loads(self) -> dict[str, float]:
        """Seconds the last start of each model took, of those that were seen to start."""
        return {name: memory.load_s for name, memory in self._memory.items() if memory.load_s is not None}

    def leaving(self) -> list[str]:
        """Replicas that have been told to leave, or vanished, and are not known to be gone."""
        return [name for memory in self._memory.values() for name in memory.left_at]

    def _remember(self, memory: _Memory, one: Seen, news: News, now: float) -> None:
        if one.requests > 0:
            memory.last_used = now
        memory.waiting_since = (memory.waiting_since or now) if one.requests > 0 and not one.replicas else None
        memory.ready_since = (memory.ready_since or now) if one.replicas else None
        memory.evicted = memory.evicted and one.target > 0
        self._follow_replicas(memory, one, news, now)
        if one.replicas and memory.began is not None:
            memory.load_s, memory.began = now - memory.began, None

    def _follow_replicas(self, memory: _Memory, one: Seen, news: News, now: float) -> None:
        for name in one.replicas:
            if name not in memory.replicas:
                memory.replicas[name] = memory.expected.pop(0) if memory.expected else None
            memory.replicas[name] = news.devices.get(name, memory.replicas[name])
        memory.left_at = {name: memory.left_at.get(name, now) for name in memory.replicas if name not in one.replicas}
        for name, left_at in list(memory.left_at.items()):
            if name in news.gone or now - left_at > self._drain_s:
                del memory.replicas[name], memory.left_at[name]

    def _model(self, memory: _Memory, one: Seen, news: News) -> ModelNow:
        spec = self._models[one.model]
        return ModelNow(
            model=one.model,
            pool=_pool(spec),
            share=_share(spec),
            target=0 if memory.evicted else one.target,
            running=len(one.replicas),
            requests=one.requests,
            last_used=memory.last_used,
            waiting_since=memory.waiting_since,
            ready_since=memory.ready_since,
            began=memory.began,
            load_s=news.load_s.get(one.model, memory.load_s or spec.load_s),
            replicas=spec.replicas,
            pinned=spec.pinned,
            priority=spec.priority,
            failed=one.model in news.failures,
        )

    def _occupants(self, memory: _Memory, one: Seen, model: ModelNow) -> list[Occupant]:
        phases = {name: Phase.LEAVING if name in memory.left_at or model.target == 0 else Phase.RUNNING for name in memory.replicas}
        here = [Occupant(one.model, model.pool, model.share, phases[name], device) for name, device in memory.replicas.items()]
        starting = 0 if model.failed else max(0, model.target - model.running)
        memory.expected = memory.expected[:starting]
        places: list[str | None] = [*memory.expected, *([None] * (starting - len(memory.expected)))]
        return here + [Occupant(one.model, model.pool, model.share, Phase.STARTING, place) for place in places]

    def _note(self, outcome: Outcome, seen: Sequence[Seen], now: float) -> Outcome:
        for model, devices in outcome.placed.items():
            memory = self._memory[model]
            memory.expected.extend(devices)
            if memory.ready_since is None:
                memory.began = memory.began or now
        for one in seen:
            memory = self._memory[one.model]
            if outcome.targets.get(one.model) == 0 and one.target > 0:
                memory.evicted = True
            if memory.evicted:
                outcome.targets[one.model] = 0
        return outcome


def _pool(spec: ResidentModel) -> Pool:
    return "gpu" if spec.num_gpus > 0 else "cpu"


def _share(spec: ResidentModel) -> int:
    return gpu_share(spec.num_gpus) if spec.num_gpus > 0 else spec.budget_bytes

"""The residency decision: from the world as it is to the replica counts that should be.

Rules, in order:
1. Pinned models always run. Nothing else is ever done to them.
2. An on-demand model that nobody used for ``idle_unload_s`` leaves.
3. Whoever waits is served in order of waiting. A claim gets: room that Ray would give it now; else room that is already being vacated; else
   room made by evicting models that may leave (turns.py), cheapest loss first; else it waits, and the device it will get first is kept for
   it, so that a large model is not starved by small ones.
4. A start may be issued before the model it replaces is gone (Ray queues it, and starts it the moment the share is free), but only one at a
   time: a queued start takes whichever device frees first, and two could take each other's.
5. A model with several replicas loads one by claim and the rest into room that nobody waits for.

No deadlock: a queued start holds nothing, is counted against every later start, and if what was promised to it is taken by something
else (a replica that Serve restarts by itself), it becomes a claim again, for which room is made.
"""

from __future__ import annotations

import math

from cluster.residency.board import Board
from cluster.residency.turns import SOONEST_START_S, Claim, Turns, idle_too_long
from cluster.residency.world import ModelNow, Occupant, Outcome, Phase, Rules, Verdict, World


def decide(world: World, rules: Rules) -> Outcome:
    """The next step for ``world``. Same world, same outcome."""
    return _Round(world, rules).outcome()


class _Round:
    def __init__(self, world: World, rules: Rules) -> None:
        self._world = world
        self._rules = rules
        self._models = {model.model: model for model in world.models}
        self._board = Board(world.devices, (*world.occupants, *_leased(world)))
        for lease in world.leases:
            if lease.device is not None and not lease.taken:
                self._board.promise(lease.share, lease.device)
        self._claims = _claims(world, self._board)
        self._turns = Turns(world, rules, len(self._claims))
        self._targets = {model.model: model.replicas for model in world.models if model.pinned}
        self._verdicts: list[Verdict] = []
        self._granted: dict[str, str] = {}
        self._forecast: dict[str, float | None] = {}

    def outcome(self) -> Outcome:
        self._forecast_residents()
        self._unload_idle()
        for ahead, claim in enumerate(self._claims):
            self._foresee(claim, ahead)
            self._admit(claim)
        self._grow()
        return Outcome(self._targets, dict(self._board.placed), self._granted, self._forecast, tuple(self._verdicts))

    def _unload_idle(self) -> None:
        for model in self._world.models:
            if idle_too_long(model, self._world.now, self._rules):
                self._evict(model.model, f"nobody used it for {self._rules.idle_unload_s:.0f} s")

    def _admit(self, claim: Claim) -> None:
        device = self._room_now(claim)
        if device is not None:
            self._give(claim, device)
            return
        device = self._board.room_later(claim.pool, claim.share)
        leavers: tuple[str, ...] = ()
        if device is None:
            device, leavers = self._room_by_eviction(claim)
        if device is None:
            self._keep_waiting(claim)
            return
        for leaver in leavers:
            self._evict(leaver, f"makes room on {device} for '{claim.name}'", swap=True)
        self._board.promise(claim.share, device)
        if self._may_queue(claim):
            self._board.pending += 1
            self._start(claim.name, f"starts on {device} as soon as its share there is free")
        else:
            self._verdicts.append(Verdict("hold", claim.name, f"waits for its share of {device} to become free"))

    def _room_now(self, claim: Claim) -> str | None:
        if claim.started:
            return None
        # What a lease is for starts later, wherever Ray then puts it; a model starts now, where Ray puts it now.
        find = self._board.room_now if claim.polite else self._board.start_now
        return find(claim.pool, claim.share)

    def _may_queue(self, claim: Claim) -> bool:
        # Where Ray has room somewhere now, it would start there at once instead of waiting for the device that was promised.
        return (
            not claim.polite and not claim.started and self._board.pending == 0 and self._board.would_start(claim.pool, claim.share) is None
        )

    def _give(self, claim: Claim, device: str) -> None:
        if claim.polite:
            self._granted[claim.name] = device
            self._board.promise(claim.share, device)
            self._verdicts.append(Verdict("grant", claim.name, f"{device} has room"))
            return
        self._board.take(claim.name, claim.pool, claim.share, device)
        self._start(claim.name, f"requests wait and {device} has room")

    def _room_by_eviction(self, claim: Claim) -> tuple[str | None, tuple[str, ...]]:
        options = [(device, self._turns.leavers(self._board, device, claim)) for device in self._board.ids(claim.pool)]
        possible = [(device, leavers) for device, leavers in options if leavers is not None]
        return min(possible, key=lambda option: self._loss(option[1]), default=(None, ()))

    def _loss(self, leavers: tuple[str, ...]) -> tuple[tuple[bool, int, float], float]:
        worths = [self._turns.worth(leaver) for leaver in leavers]
        return max(worths, default=(False, -1, 0.0)), sum(self._models[leaver].load_s for leaver in leavers)

    def _keep_waiting(self, claim: Claim) -> None:
        device, when, blocker = self._soonest(claim)
        if device is None or not math.isfinite(when):
            self._verdicts.append(Verdict("hold", claim.name, "no device can be made free for it: all is pinned, leased or too small"))
            return
        if not claim.polite:
            self._board.close(device)
        self._verdicts.append(Verdict("hold", claim.name, f"waits for {device}, where '{blocker}' {self._turns.describe(blocker)}"))

    def _soonest(self, claim: Claim) -> tuple[str | None, float, str]:
        times = [(device, *self._turns.free_at(self._board, device, claim)) for device in self._board.ids(claim.pool)]
        return min(times, key=lambda option: option[1], default=(None, math.inf, ""))

    def _grow(self) -> None:
        for model in self._world.models:
            wants = model.settled and model.busy and model.target < model.replicas and model.model not in self._targets
            device = self._board.start_now(model.pool, model.share) if wants and not self._claims else None
            if device is not None:
                self._board.take(model.model, model.pool, model.share, device)
                self._targets[model.model] = model.target + 1
                self._verdicts.append(Verdict("load", model.model, f"it is busy and {device} has room for replica {model.target + 1}"))

    def _start(self, model: str, reason: str) -> None:
        self._targets[model] = 1
        self._verdicts.append(Verdict("load", model, reason))

    def _evict(self, model: str, reason: str, swap: bool = False) -> None:
        self._targets[model] = 0
        self._board.leave(model)
        self._verdicts.append(Verdict("evict", model, reason, swap))

    def _forecast_residents(self) -> None:
        for model in self._world.models:
            self._forecast[model.model] = _resident_forecast(model, self._world.now)

    def _foresee(self, claim: Claim, ahead: int) -> None:
        model = self._models.get(claim.name)
        if model is None:
            return
        _, when, _ = self._soonest(claim)
        queue_s = ahead * (self._turns.turn_s + model.load_s) / max(1, len(self._board.ids(claim.pool)))
        wait = when - self._world.now + model.load_s + queue_s
        self._forecast[claim.name] = wait if math.isfinite(wait) else None


def _claims(world: World, board: Board) -> list[Claim]:
    """Everything that waits for a share, longest first."""
    waiting = [
        Claim(model.model, model.pool, model.share, model.waiting_since)
        for model in world.models
        if model.target == 0 and model.waiting_since is not None and not model.failed
    ]
    # A start that was issued and no longer fits: as old as the start of time, for Ray has it queued before everything else.
    stuck = [Claim(start.owner, start.pool, start.share, -math.inf, started=True) for start in board.stuck]
    leases = [Claim(lease.id, "gpu", lease.share, lease.requested_at, polite=True) for lease in world.leases if lease.device is None]
    return sorted((*stuck, *waiting, *leases), key=lambda claim: claim.since)


def _leased(world: World) -> list[Occupant]:
    return [Occupant(lease.id, "gpu", lease.share, Phase.RUNNING, lease.device) for lease in world.leases if lease.device and lease.taken]


def _resident_forecast(model: ModelNow, now: float) -> float | None:
    if model.failed:
        return None
    if model.running > 0:
        return 0.0
    elapsed = 0.0 if model.began is None else now - model.began
    return max(SOONEST_START_S, model.load_s - elapsed)

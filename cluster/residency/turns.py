"""Whose turn it is: when a model may be asked to leave, and which of those that may leaves first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.residency.board import Board
from cluster.residency.world import ModelNow, Pool, Rules, World

# A model that is never idle keeps its place for this many minimum stays while others wait; fewer when many wait.
STAYS_PER_TURN = 4
# A start's end is not known; it is never taken for over before this many seconds.
SOONEST_START_S = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A share that something waits for, since ``since``. ``polite``: it takes only what is idle (a lease) and ends no busy model's turn.
    ``started``: Serve was told to start it already."""

    name: str
    pool: Pool
    share: int
    since: float
    polite: bool = False
    started: bool = False


class Turns:
    """``turn_s``: how long a busy model stays while someone waits. A whole round of all who wait fits in half of the maximum wait, where
    the minimum stay allows."""

    def __init__(self, world: World, rules: Rules, claims: int) -> None:
        self._now = world.now
        self._rules = rules
        self._models = {model.model: model for model in world.models}
        fair = rules.max_wait_s / (2 * (claims + 1))
        self.turn_s = max(rules.min_stay_s, min(STAYS_PER_TURN * rules.min_stay_s, fair))

    def may_leave_at(self, owner: str, claim: Claim) -> float:
        """The time from which ``owner`` may be asked to make room for ``claim``; infinity: never (it is pinned, or a lease, or
        busy while the claim is polite)."""
        model = self._models.get(owner)
        if model is None or model.pinned:
            return math.inf
        if not model.settled or model.ready_since is None:
            return self._now + max(SOONEST_START_S, model.load_s) + self._rules.min_stay_s
        if not model.busy:
            return model.ready_since + self._rules.min_stay_s
        return math.inf if claim.polite else max(model.ready_since, claim.since) + self.turn_s

    def leavers(self, board: Board, device: str, claim: Claim) -> tuple[str, ...] | None:
        """Models to evict from ``device`` now so that ``claim`` fits; None when those that may leave are not enough."""
        need = claim.share - board.later[device]
        held = board.shares_on(device)
        chosen: list[str] = []
        for owner in sorted((owner for owner in held if self.may_leave_at(owner, claim) <= self._now), key=self.worth):
            if need <= 0:
                break
            chosen.append(owner)
            need -= held[owner]
        if need > 0:
            return None
        for owner in reversed(chosen):  # the most worth keeping first: was it needed at all?
            if need + held[owner] <= 0:
                chosen.remove(owner)
                need += held[owner]
        return tuple(chosen)

    def free_at(self, board: Board, device: str, claim: Claim) -> tuple[float, str]:
        """The earliest time at which ``claim`` could be given room on ``device``, and whom it waits for last ('' if for nobody)."""
        need = claim.share - board.later[device]
        when, last = self._now, ""
        held = board.shares_on(device)
        for owner in sorted(held, key=lambda owner: self.may_leave_at(owner, claim)):
            if need <= 0:
                break
            when, last = max(when, self.may_leave_at(owner, claim)), owner
            need -= held[owner]
        return (when, last) if need <= 0 else (math.inf, last)

    def worth(self, owner: str) -> tuple[bool, int, float]:
        """What leaves later sorts higher: busy, then priority, then seconds to load again per second of idleness."""
        model = self._models[owner]
        return model.busy, model.priority, model.load_s / max(self._now - model.last_used, 0.001)

    def describe(self, owner: str) -> str:
        """Why ``owner`` still stays, as part of a sentence. Without times, so that the same reason reads the same."""
        model = self._models.get(owner)
        if model is None:
            return "is leased"
        if model.pinned:
            return "is pinned"
        if not model.settled:
            return "is loading"
        return "is busy" if model.busy else "has just loaded"


def idle_too_long(model: ModelNow, now: float, rules: Rules) -> bool:
    """An on-demand model nobody has used for ``idle_unload_s`` leaves, wanted or not."""
    return model.settled and not model.pinned and not model.busy and now - model.last_used >= rules.idle_unload_s

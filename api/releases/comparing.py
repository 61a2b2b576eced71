"""What a release and what answers otherwise did, side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from api.releases.answers import ArmAnswer, ComparisonAnswer, LatencyAnswer, NeededAnswer, RatesAnswer, ShadowSummary, TrialAnswer
from api.releases.repository import Outcome, OutcomeRows, ShadowRows
from api.releases.schemas import (
    ComparisonQuery,
)
from cluster.errors import Conflict
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.table import Release, Trial
from cluster.stores.sql import AsyncSession

if TYPE_CHECKING:
    from cluster.learning.releases.statistics import Latencies, Rates, Sample

Shown = Literal["better", "worse", "nothing"]
# Of what was never tried.
EVEN = 50.0


@dataclass(frozen=True, slots=True)
class Figures:
    """``is_enough``: both arms have the sample that is ``needed``. ``shown``: at every look."""

    rates: Rates
    latency: Latencies
    first_token: Latencies
    needed: Sample
    is_enough: bool
    shown: Shown


class Comparing:
    """In the transaction of ``session``. ``most``: conversations of each arm that are read."""

    def __init__(self, session: AsyncSession, most: int) -> None:
        self._session = session
        self._most = most

    async def compare(self, row: Release, asked: ComparisonQuery) -> ComparisonAnswer:
        """Of its latest canary or A/B test, and of all that it said in the shadow."""
        trial = await Releases(self._session).trial(row, Trial.CANARY, Trial.AB)
        outcomes = await OutcomeRows(self._session, row).during(trial, self._most) if trial is not None else []
        found = await asyncio.to_thread(figures, outcomes, trial.percent if trial is not None else EVEN, asked)
        return ComparisonAnswer(
            release=row.label,
            trial=TrialAnswer.of(trial) if trial is not None else None,
            candidate=ArmAnswer.of([one for one in outcomes if one.is_candidate]),
            control=ArmAnswer.of([one for one in outcomes if not one.is_candidate]),
            rates=RatesAnswer.of(found.rates),
            latency=LatencyAnswer.of(found.latency),
            first_token=LatencyAnswer.of(found.first_token),
            needed=NeededAnswer.of(found.needed),
            is_enough=found.is_enough,
            shown=found.shown,
            reason=_reason(found, tried=trial is not None),
            shadow=ShadowSummary.model_validate(await ShadowRows(self._session).summary(row)),
        )

    async def need_better(self, row: Release) -> None:
        """Raises Conflict where it is not shown to be better, or the sample is too small."""
        found = await self.compare(row, ComparisonQuery())
        if found.shown != "better" or not found.is_enough:
            raise Conflict(f"'{row.label}' is not promoted: {found.reason} GET /api/v1/releases/{row.id}/comparison has the figures.")


def figures(outcomes: list[Outcome], percent: float, asked: ComparisonQuery) -> Figures:
    """Blocking: takes a second where there are many."""
    # Loaded where it is needed: SciPy takes a second and much memory, and most processes of the API are never asked for this.
    from cluster.learning.releases.statistics import compare_latencies, compare_rates, needed

    ours, theirs = [one for one in outcomes if one.is_candidate], [one for one in outcomes if not one.is_candidate]
    good, other = _rated(ours), _rated(theirs)
    rates = compare_rates(good, other, percent, asked.alpha)
    wanted = needed(rates.control, asked.difference, percent, asked.alpha, asked.power)
    shown: Shown = "nothing"
    if rates.difference and rates.p_anytime <= asked.alpha:
        shown = "better" if rates.difference > 0 else "worse"
    return Figures(
        rates=rates,
        latency=compare_latencies(_values(ours, "latency_ms"), _values(theirs, "latency_ms"), asked.alpha),
        first_token=compare_latencies(_values(ours, "first_token_ms"), _values(theirs, "first_token_ms"), asked.alpha),
        needed=wanted,
        is_enough=len(good) >= wanted.candidate and len(other) >= wanted.control,
        shown=shown,
    )


def _rated(outcomes: list[Outcome]) -> list[bool]:
    return [one.went_well for one in outcomes if one.went_well is not None]


def _values(outcomes: list[Outcome], name: Literal["latency_ms", "first_token_ms"]) -> list[float]:
    return [value for one in outcomes if (value := getattr(one, name)) is not None]


def _reason(found: Figures, *, tried: bool) -> str:
    if not tried:
        return "It was never tried on people; begin a canary or an A/B test."
    sizes = f"{found.needed.candidate} rated conversations with it and {found.needed.control} without it"
    if found.shown == "nothing":
        told = "With as many, a difference of this size would most likely have shown" if found.is_enough else f"It takes {sizes}"
        return f"No difference is shown. {told}."
    return f"It is shown to be {found.shown}" + ("." if found.is_enough else f", of fewer than the {sizes} that were to be looked at.")

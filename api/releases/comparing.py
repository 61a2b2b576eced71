"""What a release and what answers otherwise did, side by side."""

from __future__ import annotations

from typing import Literal

from api.releases.repository import Outcome, OutcomeRows, ShadowRows
from api.releases.schemas import (
    ArmAnswer,
    ComparisonAnswer,
    ComparisonQuery,
    LatencyAnswer,
    NeededAnswer,
    RatesAnswer,
    ShadowSummary,
    TrialAnswer,
)
from cluster.errors import Conflict
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.statistics import Sample, compare_latencies, compare_rates, needed
from cluster.learning.releases.table import Release, Trial
from cluster.stores.sql import AsyncSession

Shown = Literal["better", "worse", "nothing"]
# Of what was never tried.
EVEN = 50.0


class Comparing:
    """In the transaction of ``session``. ``most``: conversations of each arm that are read."""

    def __init__(self, session: AsyncSession, most: int) -> None:
        self._session = session
        self._most = most

    async def compare(self, row: Release, asked: ComparisonQuery) -> ComparisonAnswer:
        """Of its latest canary or A/B test, and of all that it said in the shadow."""
        trial = await Releases(self._session).trial(row, Trial.CANARY, Trial.AB)
        outcomes = await OutcomeRows(self._session, row).during(trial, self._most) if trial is not None else []
        ours, theirs = [one for one in outcomes if one.is_candidate], [one for one in outcomes if not one.is_candidate]
        percent = trial.percent if trial is not None else EVEN
        rates = compare_rates(_rated(ours), _rated(theirs), percent, asked.alpha)
        wanted = needed(rates.control, asked.difference, percent, asked.alpha, asked.power)
        enough = len(_rated(ours)) >= wanted.candidate and len(_rated(theirs)) >= wanted.control
        shown: Shown = "nothing"
        if rates.difference and rates.p_anytime <= asked.alpha:
            shown = "better" if rates.difference > 0 else "worse"
        return ComparisonAnswer(
            release=row.label,
            trial=TrialAnswer.of(trial) if trial is not None else None,
            candidate=ArmAnswer.of(ours),
            control=ArmAnswer.of(theirs),
            rates=RatesAnswer.of(rates),
            latency=_latency(ours, theirs, "latency_ms", asked.alpha),
            first_token=_latency(ours, theirs, "first_token_ms", asked.alpha),
            needed=NeededAnswer.of(wanted),
            is_enough=enough,
            shown=shown,
            reason=_reason(shown, wanted, enough=enough, tried=trial is not None),
            shadow=ShadowSummary.model_validate(await ShadowRows(self._session).summary(row)),
        )

    async def need_better(self, row: Release) -> None:
        """Raises Conflict where it is not shown to be better, or the sample is too small."""
        found = await self.compare(row, ComparisonQuery())
        if found.shown != "better" or not found.is_enough:
            raise Conflict(f"'{row.label}' is not promoted: {found.reason} GET /api/v1/releases/{row.id}/comparison has the figures.")


def _rated(outcomes: list[Outcome]) -> list[bool]:
    return [one.went_well for one in outcomes if one.went_well is not None]


def _latency(ours: list[Outcome], theirs: list[Outcome], name: Literal["latency_ms", "first_token_ms"], alpha: float) -> LatencyAnswer:
    values = [[value for one in arm if (value := getattr(one, name)) is not None] for arm in (ours, theirs)]
    return LatencyAnswer.of(compare_latencies(values[0], values[1], alpha))


def _reason(shown: Shown, wanted: Sample, *, enough: bool, tried: bool) -> str:
    if not tried:
        return "It was never tried on people; begin a canary or an A/B test."
    sizes = f"{wanted.candidate} rated conversations with it and {wanted.control} without it"
    if shown == "nothing":
        told = "With as many, a difference of this size would most likely have shown" if enough else f"It takes {sizes}"
        return f"No difference is shown. {told}."
    return f"It is shown to be {shown}" + ("." if enough else f", of fewer than the {sizes} that were to be looked at.")

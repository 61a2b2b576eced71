"""The rule by which an adapter passes; it stands in words in the docstring of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.learning.gate.statistics import Difference, Drawn, compare, holm
from cluster.learning.gate.verdict import Finding, Outcome, SetResult, Verdict
from cluster.specs.gate import GateSetSpec, GateSpec

HARM = frozenset({"worse", "too_low"})


@dataclass(frozen=True, slots=True)
class Marked:
    """Marks of both on the same items, in the same order, and how many items neither could be asked."""

    candidate: Sequence[float] = ()
    incumbent: Sequence[float] = ()
    left_out: int = 0


def decide(gate: GateSpec, marked: Mapping[str, Marked]) -> Verdict:
    """``marked``: by the name of the set; a set without an entry was asked nothing."""
    drawn = Drawn(gate.confidence, gate.resamples, gate.seed)
    found = {one.name: marked.get(one.name, Marked()) for one in gate.sets}
    differences = {
        one.name: compare(found[one.name].candidate, found[one.name].incumbent, one.tolerance, drawn, one.name)
        for one in gate.sets
        if found[one.name].candidate
    }
    enough = {one.name for one in gate.sets if one.name in differences and differences[one.name].items >= one.minimum}
    harm = holm({name: differences[name].p_worse for name in enough})
    results = [_result(one, found[one.name], differences.get(one.name), harm.get(one.name), drawn.level) for one in gate.sets]
    reasons = tuple(_reason(one, result, gate.confidence) for one, result in zip(gate.sets, results, strict=True))
    return Verdict(
        outcome=_outcome(results),
        reasons=reasons,
        sets=tuple(results),
        gate=gate.title,
        confidence=gate.confidence,
        resamples=gate.resamples,
        seed=gate.seed,
    )


def _outcome(results: Sequence[SetResult]) -> Outcome:
    if any(result.finding in HARM for result in results):
        return "refused"
    wanted = {"task": "better"}
    return "passed" if all(result.finding == wanted.get(result.role, "not_worse") for result in results) else "undecided"


def _result(one: GateSetSpec, marked: Marked, difference: Difference | None, harm: float | None, level: float) -> SetResult:
    told = {"name": one.name, "role": one.role, "metric": one.metric, "left_out": marked.left_out, "tolerance": one.tolerance}
    if difference is None:
        return SetResult(**told, items=0, finding="too_few")
    return SetResult(
        **told,
        items=difference.items,
        finding="too_few" if harm is None else _finding(one, difference, harm, level),
        candidate=difference.candidate,
        incumbent=difference.incumbent,
        difference=difference.mean,
        low=difference.low,
        high=difference.high,
        wins=difference.wins,
        losses=difference.losses,
        p_better=difference.p_better,
        p_not_worse=difference.p_not_worse,
        p_worse=difference.p_worse if harm is None else harm,
    )


def _finding(one: GateSetSpec, difference: Difference, harm: float, level: float) -> Finding:
    if one.least is not None and difference.candidate < one.least:
        return "too_low"
    if harm < level:
        return "worse"
    if one.role == "task":
        return "better" if difference.p_better < level else "unclear"
    return "not_worse" if difference.p_not_worse < level else "unclear"


def _reason(one: GateSetSpec, result: SetResult, confidence: float) -> str:
    """A sentence with its figures."""
    if result.finding == "too_few":
        return f"{one.name}: {result.items} items were asked, and {one.minimum} are the fewest from which anything is concluded."
    figures = _figures(result, confidence)
    said = {
        "better": "better beyond noise",
        "not_worse": f"not worse by more than the {_points(one.tolerance)} that are borne",
        "worse": f"worse, by more than the {_points(one.tolerance)} that are borne" if one.tolerance else "worse than what is in service",
        "too_low": f"a mean mark of {_percent(result.candidate)}, under the least of {_percent(one.least)}",
        "unclear": _unclear(one, result),
    }
    return f"{one.name}: {said[result.finding]}; {figures}."


def _unclear(one: GateSetSpec, result: SetResult) -> str:
    if one.role != "task":
        return f"a loss of more than the {_points(one.tolerance)} that are borne is not ruled out"
    return "every answer is as good as before" if not result.wins and not result.losses else "equal within noise"


def _figures(result: SetResult, confidence: float) -> str:
    low, high = _points(result.low, signed=True), _points(result.high, signed=True)
    left_out = f", {result.left_out} could not be asked" if result.left_out else ""
    return (
        f"{_percent(result.candidate)} against {_percent(result.incumbent)}, a difference of {_points(result.difference, signed=True)} "
        f"({confidence:.0%} interval {low} to {high}; {result.items} items, {result.wins} better, {result.losses} worse{left_out})"
    )


def _percent(mark: float | None) -> str:
    return f"{mark or 0.0:.1%}"


def _points(marks: float | None, *, signed: bool = False) -> str:
    points = round(100 * (marks or 0.0), 1) + 0.0
    return f"{points:{'+' if signed and points else ''}.1f} points"

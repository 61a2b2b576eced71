"""What a value must pass before it is used: its shape, its length, injected instructions, personal data, policy, in this order."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from cluster.contracts.generation import Json, Usage
from cluster.gateway import ModelGateway
from cluster.guard import injection, pii
from cluster.guard.policy import Decision, decide
from cluster.guard.refused import Refused
from cluster.guard.shape import check_shape
from cluster.guard.values import Place, change_texts, count_chars, shown_path
from cluster.settings.graphs import GraphSettings
from cluster.specs.guard import GuardSpec, InjectionGuard, PiiGuard

# Values with more text are read in a thread, so that nobody else waits.
INLINE_CHARS = 2_000

Check = Literal["injection", "pii", "policy"]
Did = Literal["marked", "removed", "masked", "noted", "passed"]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Note:
    """What a check came upon, ``count`` times, and never the text itself. ``kind``: a kind of personal data, why a text counts as
    instructions (`override`), or the label that fits. ``did``: what became of it."""

    check: Check
    kind: str
    count: int
    did: Did


@dataclass(frozen=True, slots=True)
class Guarded:
    """``value``: as it may be used. ``usage``: of the model that read it for its policy; ``model``: which one that was."""

    value: Json
    notes: tuple[Note, ...] = ()
    usage: Usage = field(default_factory=Usage)
    model: str | None = None


class Guard:
    """Applies guards. One serves all runs of a process."""

    def __init__(self, gateway: ModelGateway, settings: GraphSettings) -> None:
        self._gateway = gateway
        self._settings = settings

    async def apply(self, value: Json, spec: GuardSpec, *, model: str | None = None) -> Guarded:
        """``value`` as it may be used. ``model`` is asked about policy where the guard names none.

        Raises Refused, an Unprocessable that says which check failed and where in the value, and repeats nothing of it. Errors of the
        model that is asked about policy are raised as they are: a value that nobody could judge has not passed."""
        chars = _measured(value, spec, self._settings)
        notes: list[Note] = []
        if spec.injection is not None:
            value, found = await _beside(chars, _screened, value, spec.injection, self._settings.guard_depth)
            notes += found
        if spec.pii is not None:
            value, found = await _beside(chars, without_pii, value, spec.pii, self._settings.guard_depth)
            notes += found
        if spec.policy is None:
            return Guarded(value, tuple(notes))
        decision = await self._decided(value, spec, model)
        notes.append(Note("policy", decision.label, 1, "passed"))
        return Guarded(value, tuple(notes), decision.usage, decision.model)

    async def _decided(self, value: Json, spec: GuardSpec, model: str | None) -> Decision:
        assert spec.policy is not None
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        most = self._settings.policy_chars
        if len(text) > most:
            raise Refused(
                f"The value has {len(text)} characters, and a model is shown {most} to decide about policy (graphs.policy_chars); "
                "make it shorter."
            )
        return await decide(self._gateway, spec.policy, text, model=model)


async def _beside(chars: int, work: Callable[..., Result], *arguments: object) -> Result:
    """In a thread where there is much to read."""
    return work(*arguments) if chars <= INLINE_CHARS else await asyncio.to_thread(work, *arguments)


def _measured(value: Json, spec: GuardSpec, settings: GraphSettings) -> int:
    """Characters of a value that has the right shape and length."""
    if spec.schema_ is not None:
        check_shape(value, spec.schema_)
    chars = count_chars(value)
    if spec.max_chars is not None and chars > spec.max_chars:
        raise Refused(f"The value has {chars} characters, and the guard takes {spec.max_chars} ('guard.max_chars').")
    if chars > settings.guard_chars:
        raise Refused(f"The value has {chars} characters, and a guard reads {settings.guard_chars} (graphs.guard_chars); make it shorter.")
    return chars


def _screened(value: Json, guard: InjectionGuard, depth: int) -> tuple[Json, list[Note]]:
    did: Did = "marked" if guard.do == "mark" else "removed"
    found: Counter[str] = Counter()

    def change(text: str, where: Place) -> str:
        screening = injection.screen(text, guard.threshold)
        if where.number or not screening.found:
            return text
        if guard.do == "refuse":
            raise Refused(
                f"The text{_at(where)} tells a model what to do ({', '.join(screening.reasons)}; score {screening.score:.2f}, "
                f"refused from {guard.threshold:.2f}, 'guard.injection')."
            )
        found.update(screening.reasons)
        return injection.marked(text, screening) if guard.do == "mark" else injection.without(text, screening)

    changed = change_texts(value, change, depth)
    return changed, [Note("injection", reason, count, did) for reason, count in sorted(found.items())]


def without_pii(value: Json, guard: PiiGuard, depth: int) -> tuple[Json, list[Note]]:
    """``value`` without personal data, or with it where the guard only notes, and what there was of it. Raises Refused where the guard
    refuses, and for a value nested deeper than ``depth``."""
    did: Did = "masked" if guard.do == "mask" else "noted"
    found: Counter[str] = Counter()

    def change(text: str, where: Place) -> str:
        findings = pii.find(text, guard.kinds, guard.region, where.name)
        if where.number and [(finding.start, finding.end) for finding in findings] != [(0, len(text))]:
            return text
        if findings and guard.do == "refuse":
            kinds = ", ".join(sorted({finding.kind for finding in findings}))
            raise Refused(f"There is personal data{_at(where)}: {kinds} ('guard.pii'). Take it out, or let the guard mask it.")
        found.update(finding.kind for finding in findings)
        return pii.mask(text, findings) if guard.do == "mask" else text

    changed = change_texts(value, change, depth)
    return changed, [Note("pii", kind, count, did) for kind, count in sorted(found.items())]


def _at(where: Place) -> str:
    path = shown_path(where.path)
    if where.is_key:
        return f" in a key of '{path}'" if path else " in a key"
    return f" at '{path}'" if path else ""

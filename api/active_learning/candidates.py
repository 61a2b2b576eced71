"""Samples that may be chosen, whatever they come from, in one shape."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from api.active_learning.repository import Answered, Asker, Traffic, Wanted
from api.active_learning.schemas import SampleBody, SelectBody
from cluster.errors import TooLarge
from cluster.graphs.table import GraphRun, GraphStep
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import AsyncSession

Turns = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sample:
    """``kind`` and ``id``: its source. ``messages``: up to the ``answer``. ``user_id``: whose words it holds."""

    kind: str
    id: str
    messages: Turns
    answer: str | None = None
    user_id: uuid.UUID | None = None

    @property
    def asked(self) -> str:
        """What it is about: the last words of the user, else the last words at all."""
        return asked(self.messages)


def asked(messages: Turns) -> str:
    said = [str(turn["content"]) for turn in messages if turn.get("role") == "user" and turn.get("content")]
    return said[-1] if said else str(messages[-1].get("content") or "")


async def candidates(
    session: AsyncSession, who: Asker, body: SelectBody, settings: ActiveLearningSettings
) -> tuple[list[Sample], list[str]]:
    """What the request is about, and what there is to say about that."""
    traffic, wanted = Traffic(session, who), Wanted(settings.candidates, body.since, body.answered_by)
    if body.samples is not None:
        found = _given(body.samples, settings, who.user_id)
        known = set() if body.campaign_id is None else await traffic.queued(body.campaign_id, [sample.id for sample in found])
        left = [sample for sample in found if sample.id not in known]
        notes = [f"{len(known)} samples are in the campaign already."] if known else []
    elif body.source == "graphs":
        left, notes = [_step(step, run) for step, run in await traffic.steps(wanted)], []
        if left:
            notes = ["A step does not keep its prompt: a sample of a graph shows the input of its run."]
    else:
        left, notes = [_answer(answered) for answered in await traffic.answers(wanted)], []
    short = [sample for sample in left if _chars(sample) <= settings.sample_chars]
    if len(short) < len(left):
        notes.append(f"{len(left) - len(short)} samples are longer than {settings.sample_chars} characters and were left out.")
    return short, notes


def _given(samples: list[SampleBody], settings: ActiveLearningSettings, user_id: uuid.UUID) -> list[Sample]:
    """The same sample twice is one."""
    if len(samples) > settings.candidates:
        raise TooLarge(
            f"'samples' has {len(samples)} samples, at most {settings.candidates} are taken (active_learning.candidates); send several."
        ).about("samples")
    made: dict[str, Sample] = {}
    for sample in samples:
        turns = [turn.model_dump() for turn in sample.messages or []] or [{"role": "user", "content": sample.text}]
        name = sample.id or hashlib.sha256(json.dumps(turns).encode()).hexdigest()
        made.setdefault(name, Sample("text", name, turns, sample.answer, user_id))
    return list(made.values())


def _answer(answered: Answered) -> Sample:
    turns = [{"role": role, "content": text} for role, text in answered.before]
    return Sample("chat", str(answered.message.id), turns, answered.message.text, answered.owner_id)


def _step(step: GraphStep, run: GraphRun) -> Sample:
    value = (step.result or {}).get("value")
    return Sample("graph", str(step.id), _asked_of(run.input), str(value), run.owner_id)


def _asked_of(given: dict[str, Any]) -> Turns:
    """The messages of a run's input, its question, or all of it as JSON."""
    messages = given.get("messages")
    if isinstance(messages, list) and messages and all(_is_turn(turn) for turn in messages):
        return [{"role": turn["role"], "content": turn["content"]} for turn in messages]
    question = given.get("question")
    return [{"role": "user", "content": question if isinstance(question, str) else json.dumps(given, ensure_ascii=False)}]


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and turn.get("role") in {"system", "user", "assistant"} and isinstance(turn.get("content"), str)


def _chars(sample: Sample) -> int:
    return sum(len(str(turn["content"])) for turn in sample.messages) + len(sample.answer or "")

"""What runs used, by the models that did the work, and what of it is on somebody's account."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from cluster.contracts.generation import Usage
from cluster.graphs.table import GraphRun, GraphStep
from cluster.stores.sql import AsyncSession


async def used_by_model(session: AsyncSession, run_id: uuid.UUID) -> Mapping[str, Usage]:
    counts = func.sum(GraphStep.prompt_tokens), func.sum(GraphStep.completion_tokens)
    chosen = select(GraphStep.model, *counts).where(GraphStep.run_id == run_id, GraphStep.model.is_not(None)).group_by(GraphStep.model)
    rows = await session.execute(chosen.order_by(GraphStep.model))
    return {str(row[0]): Usage(int(row[1]), int(row[2])) for row in rows if row[1] or row[2]}


@dataclass(frozen=True, slots=True)
class Booking:
    """What a step used since it was last booked. ``task_type``: of its run."""

    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    task_type: str
    model: str
    usage: Usage


async def book(session: AsyncSession, most: int) -> Sequence[Booking]:
    """Steps that used something since they were last booked, ``most`` at once; in the caller's transaction they are booked with it. Two
    callers never book one step at the same time."""
    of_prompts, of_answers = GraphStep.booked_prompt_tokens, GraphStep.booked_completion_tokens
    unbooked = or_(GraphStep.prompt_tokens > of_prompts, GraphStep.completion_tokens > of_answers)
    chosen = select(GraphStep, GraphRun).join(GraphRun, GraphRun.id == GraphStep.run_id).where(unbooked).limit(most)
    rows = (await session.execute(chosen.with_for_update(of=GraphStep, skip_locked=True))).all()
    return [_booked(step, run) for step, run in rows]


def _booked(step: GraphStep, run: GraphRun) -> Booking:
    used = Usage(step.prompt_tokens - step.booked_prompt_tokens, step.completion_tokens - step.booked_completion_tokens)
    step.booked_prompt_tokens, step.booked_completion_tokens = step.prompt_tokens, step.completion_tokens
    return Booking(run.organisation_id, run.owner_id, run.task_type, step.model or "", used)

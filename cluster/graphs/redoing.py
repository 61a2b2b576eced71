"""What becomes of the steps of a run that is tried again, or forked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from sqlalchemy import delete, insert, select, update

from cluster.graphs.steps import DONE
from cluster.graphs.table import GraphStep
from cluster.stores.sql import AsyncSession

# In a key: the node of the run's own graph and the number of its visit; behind that, parts of this visit: items, calls, a graph within.
_VISIT = re.compile(r"^([^#]+)#(\d+)")
_KEPT = ("key", "node", "kind", "state", "attempts", "started_at", "finished_at", "model", "result", "error")


def later(key: str, visits: Mapping[str, int]) -> bool:
    """Whether the step belongs to a visit that had not been made when every node had been visited as often as ``visits`` says."""
    found = _VISIT.match(key)
    return found is not None and int(found[2]) > visits.get(found[1], 0)


async def allow_again(session: AsyncSession, run_id: uuid.UUID) -> None:
    """Calls with effects whose answer nobody knows may be repeated: a person says so. Those of which nobody was told yet, because the run
    was broken off before that could be written, fail first."""
    told = (GraphStep.begun.is_(True), GraphStep.state == "failed")
    unknown = update(GraphStep).where(GraphStep.run_id == run_id, *told).values(begun=False)
    await session.execute(unknown, execution_options={"synchronize_session": False})


async def forget_later(session: AsyncSession, run_id: uuid.UUID, visits: Mapping[str, int]) -> None:
    """Steps of visits behind ``visits`` are gone, and will be done again."""
    keys = (await session.scalars(select(GraphStep.key).where(GraphStep.run_id == run_id))).all()
    gone = [key for key in keys if later(key, visits)]
    await session.execute(delete(GraphStep).where(GraphStep.run_id == run_id, GraphStep.key.in_(gone)))


async def carry_earlier(session: AsyncSession, old: uuid.UUID, new: uuid.UUID, visits: Mapping[str, int]) -> None:
    """Copies what the run ``old`` had done in ``visits`` to the run ``new``, which does not do it again. What it cost is the old one's."""
    done = select(GraphStep).where(GraphStep.run_id == old, GraphStep.state.in_(DONE)).order_by(GraphStep.started_at)
    steps = [step for step in (await session.scalars(done)).all() if not later(step.key, visits)]
    rows = [{"id": uuid.uuid4(), "run_id": new} | {name: getattr(step, name) for name in _KEPT} for step in steps]
    if rows:
        await session.execute(insert(GraphStep), rows)

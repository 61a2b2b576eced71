"""How the row of a run is changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from cluster.graphs.states import ENDED, RunState, origins
from cluster.graphs.table import GraphEvent, GraphRun
from cluster.stores.guarded import Guard, Guarded
from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import tell

# Told the id of a run that has a new event, once it is committed: LiveVoice.look (of steps) and LiveVoice.turned (of the run itself), so
# that whoever follows the run sees it at once.
Told = Callable[[uuid.UUID], None]

_TOLD = ENDED | {RunState.WAITING}


async def _announce(session: AsyncSession, run: GraphRun) -> None:
    """Runs within runs are nobody's who waits."""
    if run.state in _TOLD and run.depth == 0:
        told = {"run_id": str(run.id), "graph": run.graph, "version": run.version, "task_type": run.task_type, "state": run.state}
        await tell(session, run.organisation_id, f"run.{run.state}", told | {"error": run.error})


RUNS = Guarded(GraphRun, GraphEvent, "run_id", origins, ENDED, _announce)


def mine(attempt: int) -> tuple[Guard, Guard]:
    """What holds as long as the run is that attempt's."""
    return GraphRun.attempt == attempt, GraphRun.state == "running"


def nobody(_: uuid.UUID) -> None:
    """Whoever follows the run looks now and then anyway."""

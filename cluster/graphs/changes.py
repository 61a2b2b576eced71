"""How the row of a run is changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from cluster.graphs.states import ENDED, origins
from cluster.graphs.table import GraphEvent, GraphRun
from cluster.stores.guarded import Guard, Guarded

# Told the id of a run that has a new event, once it is committed: LiveVoice.look (of steps) and LiveVoice.turned (of the run itself), so
# that whoever follows the run sees it at once.
Told = Callable[[uuid.UUID], None]

RUNS = Guarded(GraphRun, GraphEvent, "run_id", origins, ENDED)


def mine(attempt: int) -> tuple[Guard, Guard]:
    """What holds as long as the run is that attempt's."""
    return GraphRun.attempt == attempt, GraphRun.state == "running"


def nobody(_: uuid.UUID) -> None:
    """Whoever follows the run looks now and then anyway."""

"""How the row of a run is changed."""

from __future__ import annotations

from cluster.graphs.states import ENDED, origins
from cluster.graphs.table import GraphEvent, GraphRun
from cluster.stores.guarded import Guard, Guarded

RUNS = Guarded(GraphRun, GraphEvent, "run_id", origins, ENDED)


def mine(attempt: int) -> tuple[Guard, Guard]:
    """What holds as long as the run is that attempt's."""
    return GraphRun.attempt == attempt, GraphRun.state == "running"

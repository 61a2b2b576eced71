"""Nodes that wait: for a person, or for a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cluster.contracts.generation import Json
from cluster.errors import DeadlineExceeded, Unprocessable
from cluster.graphs.pending import Pending
from cluster.specs.nodes import HumanNode, WaitNode
from deployments.agents.visiting import Visit
from deployments.agents.waiting import Waits

# Longer is a mistake, and no timestamp could hold it.
LONGEST_S = 366 * 86400.0


async def human(node: HumanNode, visit: Visit) -> Json:
    """The answer. Raises DeadlineExceeded when nobody gave one in time."""
    assert visit.began is not None
    expires_at = None if node.expires_s is None else visit.began + timedelta(seconds=node.expires_s)
    shown = None if node.show is None else await visit.value(node.show)
    pending = Pending(visit.called, visit.key, "human", await visit.text(node.ask), shown, dict(node.answer), expires_at)
    if visit.called not in visit.run.answers and expires_at is not None and await visit.run.steps.now() >= expires_at:
        raise DeadlineExceeded(f"Nobody answered within {node.expires_s:g} s ('expires_s' of the node).")
    return visit.answer(pending)


async def wait(node: WaitNode, visit: Visit) -> Json:
    """Raises Waits until it is time."""
    until = await _until(node, visit)
    if await visit.run.steps.now() < until:
        raise Waits([Pending(visit.called, visit.key, "time", expires_at=until)])
    return None


async def _until(node: WaitNode, visit: Visit) -> datetime:
    assert visit.began is not None
    if node.until is not None:
        return _moment(await visit.value(node.until), node.until)
    seconds = await visit.value(node.seconds) if isinstance(node.seconds, str) else node.seconds
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST_S:
        raise Unprocessable(f"'seconds' is to be a number from 0 to {LONGEST_S:.0f}, found {seconds!r}.")
    return visit.began + timedelta(seconds=seconds)


def _moment(value: Json, expression: str) -> datetime:
    """Without a zone: UTC."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Unprocessable(f"'until' (`{expression}`) is to be a time in ISO 8601, such as 2027-01-31T08:00:00Z, found {value!r}.")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

"""How the queue is doing, for Prometheus: of all organisations, by what is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster.queue.statistics import QueueCount, counts
from cluster.stores.away import AWAY
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

# Whoever watches must see the rest all the same.
PROBE_S = 3.0
_STATES = ("queued", "delayed", "running", "dead")


class QueueCollector(Collector):
    """``found`` None: the database did not answer; that is a metric too."""

    def __init__(self, found: Sequence[QueueCount] | None) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("hearth_queue_up", "1 while the queue can be counted.", value=float(self._found is not None))
        messages = GaugeMetricFamily("hearth_queue_messages", "Messages, by how they stand.", labels=("type", "state"))
        done = GaugeMetricFamily("hearth_queue_done_last_hour", "Messages that were done in the last hour.", labels=("type",))
        oldest = GaugeMetricFamily("hearth_queue_oldest_seconds", "How long the one that waits longest has.", labels=("type",))
        waits = GaugeMetricFamily(
            "hearth_queue_wait_seconds", "From when one could be taken to when it was, in the last hour.", labels=("type", "quantile")
        )
        for count in self._found or ():
            for state in _STATES:
                messages.add_metric((count.name, state), getattr(count, state))
            done.add_metric((count.name,), count.done_last_hour)
            oldest.add_metric((count.name,), count.oldest_s)
            for quantile, value in (("0.5", count.wait_p50_s), ("0.95", count.wait_p95_s)):
                if value is not None:
                    waits.add_metric((count.name, quantile), value)
        yield from (messages, done, oldest, waits)


async def queue_counts(database: Database) -> Sequence[QueueCount] | None:
    """None where the database does not answer in time."""
    try:
        async with asyncio.timeout(PROBE_S), database.session() as session:
            return await counts(session)
    except (*AWAY, TimeoutError) as error:
        log.warning("the queue cannot be counted", error=type(error).__name__)
        return None

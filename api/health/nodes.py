"""What nodes of graphs did, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster.graphs.metering import BUCKETS, MICROS, NodeCounts

_LABELS = ("graph", "kind")
_COUNTERS = (
    ("retries", "retries", "Attempts beyond the first.", 1),
    ("prompt_tokens", "prompt_tokens", "Tokens of prompts.", 1),
    ("completion_tokens", "completion_tokens", "Tokens generated.", 1),
    ("cost", "micros", "What answers cost, in the currency of prices.", MICROS),
)


class NodeCollector(Collector):
    """By kind of node, and by graph of the library; all others are `own`."""

    def __init__(self, counts: Sequence[NodeCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        visits = CounterMetricFamily("hearth_graph_node_visits", "Visits of nodes that have ended, and how.", labels=(*_LABELS, "state"))
        seconds = HistogramMetricFamily(
            "hearth_graph_node_seconds", "Work of one visit, without waiting for people or a time.", labels=_LABELS
        )
        for one in self._counts:
            labels = (one.labels.graph, one.labels.kind)
            for state, value in sorted(one.states.items()):
                visits.add_metric((*labels, state), value)
            bounds = (*(str(most) for most in BUCKETS), "+Inf")
            seconds.add_metric(labels, list(zip(bounds, one.buckets, strict=True)), one.seconds)
        yield visits
        yield seconds
        for name, kept, about, unit in _COUNTERS:
            family = CounterMetricFamily(f"hearth_graph_node_{name}", about, labels=_LABELS)
            for one in self._counts:
                family.add_metric((one.labels.graph, one.labels.kind), one.counts[kept] / unit)
            yield family

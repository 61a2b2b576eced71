"""What is counted about requests and tokens, and how it is shown to Prometheus.

With several API replicas the counts of all must be shown whichever replica is asked. prometheus_client does that through files, when the
environment variable PROMETHEUS_MULTIPROC_DIR stands before the process starts (``api.app.build`` sees to it); here it is only asked for.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from cluster.contracts.generation import Usage

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0)
_TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """The counters of one API process. Labels are bounded: paths are route templates, models are ids of the profile.

    ``shared``: folder through which several processes share counts; None: this process stands alone.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._registry = CollectorRegistry()
        here = self._registry
        self.requests = Counter("hearth_http_requests", "Requests answered.", ("method", "path", "status"), registry=here)
        self.latency = Histogram(
            "hearth_http_request_seconds", "From arrival to the end of the answer.", ("path",), buckets=_SECONDS, registry=here
        )
        self.first_token = Histogram(
            "hearth_first_token_seconds", "From asking the model to its first token.", ("model",), buckets=_SECONDS, registry=here
        )
        self.between_tokens = Histogram(
            "hearth_inter_token_seconds", "Between two tokens of a stream.", ("model",), buckets=_TOKEN_SECONDS, registry=here
        )
        self.tokens_in = Counter("hearth_prompt_tokens", "Tokens of prompts and embedded texts.", ("model",), registry=here)
        self.tokens_cached = Counter(
            "hearth_cached_prompt_tokens", "Tokens of prompts answered from the KV cache.", ("model",), registry=here
        )
        self.tokens_out = Counter("hearth_completion_tokens", "Tokens generated.", ("model",), registry=here)
        self.streams = Gauge("hearth_streams_open", "Streams being generated.", ("model",), multiprocess_mode="livesum", registry=here)

    def count_usage(self, model: str, usage: Usage) -> None:
        self.tokens_in.labels(model).inc(usage.prompt_tokens)
        self.tokens_cached.labels(model).inc(usage.cached_tokens)
        self.tokens_out.labels(model).inc(usage.completion_tokens)

    def meter(self, model: str) -> StreamMeter:
        return StreamMeter(self, model)

    def exposition(self, *more: Collector) -> bytes:
        """Everything in Prometheus's text format, with what the collectors in ``more`` add."""
        shown = self._registry
        if self._shared is not None:
            _forget_streams_of_the_dead(self._shared)
            shown = CollectorRegistry()
            MultiProcessCollector(shown, str(self._shared))  # type: ignore[no-untyped-call]
        extra = CollectorRegistry()
        for collector in more:
            extra.register(collector)
        return generate_latest(shown) + generate_latest(extra)


def begin_sharing(folder: Path) -> None:
    """Make ``folder`` ready for a new set of processes: what dead ones left (of an earlier run) is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*_*.db"):
        if not psutil.pid_exists(_pid(path)):
            path.unlink(missing_ok=True)


def _forget_streams_of_the_dead(folder: Path) -> None:
    """A replica that was killed had no time to take its open streams back. What it counted stays counted."""
    for pid in {_pid(path) for path in folder.glob("gauge_live*_*.db")}:
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def _pid(path: Path) -> int:
    """prometheus_client names its files ``<kind>_<pid>.db``."""
    return int(path.stem.rpartition("_")[2])


class StreamMeter:
    """Times one stream's tokens. Use as a context manager around the stream."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._first = metrics.first_token.labels(model)
        self._between = metrics.between_tokens.labels(model)
        self._open = metrics.streams.labels(model)
        self._last = time.perf_counter()
        self._begun = False

    def __enter__(self) -> StreamMeter:
        self._open.inc()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.dec()

    def arrived(self, tokens: int) -> None:
        """``tokens`` came together; the time since the last ones is shared among them."""
        now = time.perf_counter()
        waited, self._last = now - self._last, now
        if not self._begun:
            self._begun = True
            self._first.observe(waited)
            return
        for _ in range(tokens):
            self._between.observe(waited / tokens)

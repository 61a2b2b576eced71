"""Traces, where the operator collects them: spans from a request through graphs and nodes to models and tools, by OpenTelemetry.

Without ``tracing.endpoint`` nothing is recorded, and OpenTelemetry's SDK is not even loaded: its API alone hands out spans that do nothing.
Names follow OpenTelemetry's semantic conventions (HTTP, and GenAI: https://opentelemetry.io/docs/specs/semconv/gen-ai/). No text of a
prompt, an answer or an argument is ever put into a span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cluster.settings import TracingSettings

Attribute = str | int | float | bool
PARENT = "traceparent"

_tracer = trace.get_tracer("hearth")
_propagator = TraceContextTextMapPropagator()


class Recording(Protocol):
    """What records traces in this process."""

    def shutdown(self) -> None:
        """Sends what is still here, and ends."""
        ...


def start_tracing(settings: TracingSettings, service: str) -> Recording | None:
    """Has this process send its spans as those of ``service``; None where no endpoint is set. Once in a process."""
    if settings.endpoint is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.share), resource=Resource.create({"service.name": service}), shutdown_on_exit=True
    )
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=settings.timeout_s)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=settings.queued_spans,
            max_export_batch_size=min(512, settings.queued_spans),
            schedule_delay_millis=1000,
        )
    )
    trace.set_tracer_provider(provider)
    return provider


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, Attribute] | None = None,
    *,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    current: bool = True,
    fine: tuple[type[BaseException], ...] = (),
) -> Iterator[trace.Span]:
    """A span around the block, below the one that is open. An exception that leaves the block is noted by the name of its class only: its
    words may be somebody's. ``fine``: what leaves it in order. ``current`` False: spans opened meanwhile are not below it; for a generator,
    whose block other code runs in."""
    opened = _tracer.start_span(name, kind=kind, attributes=attributes)
    token = context.attach(trace.set_span_in_context(opened)) if current else None
    try:
        yield opened
    except fine:
        raise
    except BaseException as error:
        opened.set_status(trace.StatusCode.ERROR)
        opened.set_attribute("error.type", type(error).__name__)
        raise
    finally:
        if token is not None:
            context.detach(token)
        opened.end()


@contextmanager
def continued(parent: str | None) -> Iterator[None]:
    """Spans in the block belong to the trace of ``parent`` (a W3C ``traceparent``); None, or one that is none: to whatever is open."""
    if not parent:
        yield
        return
    token = context.attach(_propagator.extract({PARENT: parent}))
    try:
        yield
    finally:
        context.detach(token)


def parent_here() -> str | None:
    """The ``traceparent`` by which another process continues the open span; None where nothing is recorded."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(PARENT)


def trace_of(parent: str | None) -> str | None:
    """The id of the trace that ``parent`` (a ``traceparent``) is of, in hexadecimal: what a collector finds it by."""
    return parent.split("-")[1] if parent else None

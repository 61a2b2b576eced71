"""A collector of traces on loopback: takes spans by OTLP over HTTP (opentelemetry-proto, ``ExportTraceServiceRequest``) and keeps them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cluster.fakes.loopback import LoopbackServer

Value = str | int | float | bool


@dataclass(frozen=True)
class CollectedSpan:
    """Ids in hexadecimal; ``parent`` is empty for the first of a trace."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, Value]
    events: tuple[str, ...]


@dataclass
class Collector(LoopbackServer):
    """``spans`` in the order in which they came."""

    spans: list[CollectedSpan] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/traces", self._take)
        return app

    def named(self, name: str) -> list[CollectedSpan]:
        return [span for span in self.spans if span.name == name]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        packed = request.headers.get("content-encoding") == "gzip"
        told = ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body)
        for resource in told.resource_spans:
            about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    CollectedSpan(
                        about.get("service.name", ""),
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.status.code == 2,
                        {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in span.attributes},
                        tuple(event.name for event in span.events),
                    )
                    for span in scope.spans
                ]
        return web.Response(content_type="application/x-protobuf")

"""Graphs as text of Mermaid, and as pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response

from cluster.graphs.drawing import mermaid
from cluster.graphs.picture import draw
from cluster.specs.graph import GraphSpec


def mermaid_of(spec: GraphSpec, states: Mapping[str, str] | None = None) -> str:
    return mermaid(spec, states)


async def diagram(spec: GraphSpec, *, png: bool) -> Response:
    if png:
        return Response(await asyncio.to_thread(draw, spec), media_type="image/png")
    return Response(mermaid_of(spec), media_type="text/plain")

"""``/api/v1/workflows/definitions`` and ``/check``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import WORKING, json_request, responses
from api.web.principal import AsEditor, AsViewer
from api.workflows.definitions import Definitions
from api.workflows.drawing import diagram
from api.workflows.examples import CHECKED, DEFINITION, DIAGRAM, ENTRY, SPEC, STATISTICS, TEXT, ok
from api.workflows.install import WithGraphs
from api.workflows.kept import READS, WRITES, GraphId, IfMatch, Kept, add_versions, tagged, version_in
from api.workflows.schemas import (
    CheckAnswer,
    CheckBody,
    DefinitionAnswer,
    DefinitionBody,
    DefinitionPage,
    DefinitionPut,
    DefinitionQuery,
    DiagramQuery,
)
from api.workflows.statistics import GraphStatistics, StatisticsQuery, statistics
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])


async def reading(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> Definitions:
    return Definitions(session, who, trail, graphs)


async def writing(session: WithSession, who: AsEditor, trail: WithTrail, graphs: WithGraphs) -> Definitions:
    return Definitions(session, who, trail, graphs)


Reading = Annotated[Definitions, Depends(reading)]
Writing = Annotated[Definitions, Depends(writing)]


@router.get(
    "/definitions",
    summary="List graphs",
    response_model=Success[DefinitionPage],
    responses=responses(ok({"items": [ENTRY], "next_cursor": None}), READS),
)
async def list_definitions(service: Reading, wanted: Annotated[DefinitionQuery, Query()]) -> Response:
    """Your organisation's graphs and those of the library, by name. Agents are listed by `/api/v1/agents`."""
    return success(await service.page(wanted))


@router.post(
    "/definitions",
    summary="Keep a graph",
    response_model=Success[DefinitionAnswer],
    responses=responses(ok(DEFINITION), WRITES),
    openapi_extra=json_request(DefinitionBody, {"spec": SPEC}),
)
async def create_definition(
    service: Writing, body: Annotated[DefinitionBody, Depends(json_body(DefinitionBody, Unprocessable))]
) -> Response:
    """As JSON (`spec`) or YAML (`text`). It is checked completely first: what could not run is a 422 that names node and line. A name of
    the library cannot be taken. Models and tools need not be there yet; they are looked for before each run."""
    return tagged(await service.create(body))


@router.get(
    "/definitions/{graph_id}", summary="One graph", response_model=Success[DefinitionAnswer], responses=responses(ok(DEFINITION), READS)
)
async def get_definition(service: Reading, graph_id: GraphId) -> Response:
    """In its latest version, by id or name; those of the library by name. The header ETag is the version."""
    return tagged(await service.one(graph_id))


@router.put(
    "/definitions/{graph_id}",
    summary="Change a graph",
    response_model=Success[DefinitionAnswer],
    responses=responses(ok(DEFINITION), WRITES),
    openapi_extra=json_request(DefinitionPut, {"spec": SPEC, "note": "Friendlier."}),
)
async def change_definition(
    service: Writing,
    graph_id: GraphId,
    body: Annotated[DefinitionPut, Depends(json_body(DefinitionPut, Unprocessable))],
    if_match: IfMatch = None,
) -> Response:
    """A new version; the earlier ones stay, and runs under way go on with what they began with. With `If-Match`, or `version`, it is a 409
    where somebody else has changed it meanwhile. The name stays."""
    return tagged(await service.change(graph_id, body, version_in(if_match)))


@router.delete(
    "/definitions/{graph_id}", summary="Remove a graph", response_model=Success[None], responses=responses(ok(None), (*READS, 409))
)
async def remove_definition(service: Writing, graph_id: GraphId) -> Response:
    """With all its versions. Its runs stay, and those under way go on."""
    await service.remove(graph_id)
    return success(None)


add_versions(router, "/definitions/{graph_id}", Kept("a graph", Success[DefinitionAnswer], DEFINITION, reading, writing))


@router.get(
    "/definitions/{graph_id}/diagram",
    summary="Draw a graph",
    responses=responses({}, READS, media={"text/plain": DIAGRAM, "image/png": "..."}),
)
async def draw_definition(
    service: Reading,
    graph_id: GraphId,
    wanted: Annotated[DiagramQuery, Query()],
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """In Mermaid, or, with `?format=png` or `Accept: image/png`, as a picture."""
    spec = await service.spec(graph_id, wanted.version)
    return await diagram(spec, png=wanted.format == "png" or (wanted.format is None and "image/png" in accept))


@router.get(
    "/definitions/{graph_id}/statistics",
    summary="What a graph's nodes took and cost",
    response_model=Success[GraphStatistics],
    responses=responses(ok(STATISTICS), (*READS, 422)),
)
async def get_statistics(
    session: WithSession, who: AsViewer, graphs: WithGraphs, graph_id: GraphId, asked: Annotated[StatisticsQuery, Query()]
) -> Response:
    """Of your organisation's runs of it in a while: how often each node was visited, how it ended, how long it took, what it spent. Runs
    are kept for graphs.kept_days. Of all organisations together, by kind of node, `/metrics` tells."""
    return success(await statistics(session, who, graphs, graph_id, asked))


@router.post(
    "/check",
    summary="Check a graph",
    response_model=Success[CheckAnswer],
    responses=responses(ok(CHECKED), WORKING),
    openapi_extra=json_request(CheckBody, {"text": TEXT}),
)
async def check(service: Reading, body: Annotated[CheckBody, Depends(json_body(CheckBody, Unprocessable))]) -> Response:
    """Everything that is wrong with a graph, without keeping it: what no node leads to, what is missing, circles without an end, tools and
    graphs that there are not, values that do not fit each other. Each finding names its node and, in `text`, its line."""
    return success(await service.check(body))

"""``/langgraph/assistants``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.langgraph.deps import PREFIX, READS, WRITES, AssistantId, WithAssistants
from api.langgraph.examples import ASSISTANT, DRAWING, SCHEMAS
from api.langgraph.responding import json
from api.langgraph.schemas import AssistantSearch, DrawingQuery, SubgraphQuery, VersionsBody
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix=f"{PREFIX}/assistants", tags=["langgraph"])

Searched = Annotated[AssistantSearch, Depends(json_body(AssistantSearch, Unprocessable))]


@router.post(
    "/search",
    summary="Search assistants",
    responses=responses([ASSISTANT], WRITES),
    openapi_extra=json_request(AssistantSearch, {"limit": 10, "offset": 0}),
)
async def search_assistants(service: WithAssistants, body: Searched) -> Response:
    """Graphs of the library and of your organisation, agents included. The header X-Pagination-Next is the next page's `offset`."""
    found, following = await service.search(body)
    return json(found, {"X-Pagination-Next": str(following)} if following is not None else None)


@router.post(
    "/count",
    summary="Count assistants",
    responses=responses(7, WRITES),
    openapi_extra=json_request(AssistantSearch, {"graph_id": "greeting"}),
)
async def count_assistants(service: WithAssistants, body: Searched) -> Response:
    """How many `search` would find, on all its pages."""
    return json(await service.count(body))


@router.get("/{assistant_id}", summary="One assistant", responses=responses(ASSISTANT, READS))
async def get_assistant(assistant_id: AssistantId, service: WithAssistants) -> Response:
    """A graph, by the name or the id that `search` tells."""
    return json(await service.one(assistant_id))


@router.get("/{assistant_id}/graph", summary="An assistant's graph", responses=responses(DRAWING, READS))
async def get_drawing(assistant_id: AssistantId, service: WithAssistants, _: Annotated[DrawingQuery, Query()]) -> Response:
    """Its nodes and edges; an edge with a condition has it as `data`."""
    return json(await service.drawing(assistant_id))


@router.get("/{assistant_id}/schemas", summary="An assistant's schemas", responses=responses(SCHEMAS, READS))
async def get_schemas(assistant_id: AssistantId, service: WithAssistants) -> Response:
    """JSON Schemas of its input, output and state, and of what `config.configurable` and `context` may say."""
    return json(await service.schemas(assistant_id))


@router.get("/{assistant_id}/subgraphs", summary="Graphs within an assistant", responses=responses({"inner": SCHEMAS}, READS))
async def get_subgraphs(assistant_id: AssistantId, service: WithAssistants, asked: Annotated[SubgraphQuery, Query()]) -> Response:
    """Schemas of the graphs that its nodes run, by node."""
    return json(await service.subgraphs(assistant_id, None, recurse=asked.recurse))


@router.get("/{assistant_id}/subgraphs/{namespace}", summary="A graph within an assistant", responses=responses({"inner": SCHEMAS}, READS))
async def get_subgraph(
    assistant_id: AssistantId, namespace: str, service: WithAssistants, asked: Annotated[SubgraphQuery, Query()]
) -> Response:
    """That of one node; `outer|inner` for one within another."""
    return json(await service.subgraphs(assistant_id, namespace, recurse=asked.recurse))


@router.post(
    "/{assistant_id}/versions",
    summary="Versions of an assistant",
    responses=responses([ASSISTANT], WRITES),
    openapi_extra=json_request(VersionsBody, {"limit": 10, "offset": 0}),
)
async def list_assistant_versions(
    assistant_id: AssistantId, service: WithAssistants, body: Annotated[VersionsBody, Depends(json_body(VersionsBody, Unprocessable))]
) -> Response:
    """The latest first. `<name>@<version>` runs one of them."""
    return json(await service.versions(assistant_id, body))

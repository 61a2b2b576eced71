"""``/api/v1/agents``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.agents.examples import AGENT, BODY
from api.agents.schemas import AgentAnswer, AgentBody, AgentPage, AgentPut, AgentQuery
from api.agents.service import Agents
from api.audit.trail import WithTrail
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsEditor, AsViewer
from api.workflows.examples import ok
from api.workflows.install import WithGraphs
from api.workflows.kept import READS, WRITES, GraphId, IfMatch, Kept, add_versions, tagged, version_in
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/agents", tags=["agents"])


async def reading(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> Agents:
    return Agents(session, who, trail, graphs)


async def writing(session: WithSession, who: AsEditor, trail: WithTrail, graphs: WithGraphs) -> Agents:
    return Agents(session, who, trail, graphs)


Reading = Annotated[Agents, Depends(reading)]
Writing = Annotated[Agents, Depends(writing)]


@router.get(
    "", summary="List agents", response_model=Success[AgentPage], responses=responses(ok({"items": [AGENT], "next_cursor": None}), READS)
)
async def list_agents(service: Reading, wanted: Annotated[AgentQuery, Query()]) -> Response:
    """Your organisation's agents by name, each in its latest version."""
    return success(await service.page(wanted))


@router.post(
    "",
    summary="Make an agent",
    response_model=Success[AgentAnswer],
    responses=responses(ok(AGENT), WRITES),
    openapi_extra=json_request(AgentBody, BODY),
)
async def create_agent(service: Writing, body: Annotated[AgentBody, Depends(json_body(AgentBody, Unprocessable))]) -> Response:
    """From instructions, a model or alias, tools, collections that it looks things up in, and limits. It answers at once: as the model
    `agent/<name>` in a chat, as a task, and as a workflow."""
    return tagged(await service.create(body))


@router.get("/{graph_id}", summary="One agent", response_model=Success[AgentAnswer], responses=responses(ok(AGENT), READS))
async def get_agent(service: Reading, graph_id: GraphId) -> Response:
    """In its latest version, by id or name. The header ETag is the version."""
    return tagged(await service.one(graph_id))


@router.put(
    "/{graph_id}",
    summary="Change an agent",
    response_model=Success[AgentAnswer],
    responses=responses(ok(AGENT), WRITES),
    openapi_extra=json_request(AgentPut, {"instructions": "You answer questions about the farm, in one sentence.", "note": "Shorter."}),
)
async def change_agent(
    service: Writing, graph_id: GraphId, body: Annotated[AgentPut, Depends(json_body(AgentPut, Unprocessable))], if_match: IfMatch = None
) -> Response:
    """As a whole: what is left out is as in a new agent. A new version; the earlier ones stay. With `If-Match`, or `version`, it is a 409
    where somebody else has changed it meanwhile."""
    return tagged(await service.change(graph_id, body, version_in(if_match)))


@router.delete("/{graph_id}", summary="Remove an agent", response_model=Success[None], responses=responses(ok(None), (*READS, 409)))
async def remove_agent(service: Writing, graph_id: GraphId) -> Response:
    """With all its versions. Its runs stay, and those under way go on."""
    await service.remove(graph_id)
    return success(None)


add_versions(router, "/{graph_id}", Kept("an agent", Success[AgentAnswer], AGENT, reading, writing))

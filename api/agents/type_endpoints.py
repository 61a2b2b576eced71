"""``/api/v1/agent-types`` and ``/api/v1/docs/agent-creation``: what comes with Hearth, and how to make one's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from api.agents.documentation import how_to_make_one
from api.agents.examples import DOCUMENT, MARKDOWN, TYPE
from api.agents.schemas import AgentType, CreationDocument, FormatQuery, TypeDocument
from api.web.answers import Success, success
from api.web.openapi import responses
from api.web.principal import AsViewer
from api.workflows.drawing import mermaid_of
from api.workflows.examples import ok
from api.workflows.install import Graphs, WithGraphs
from api.workflows.kept import READS
from cluster.errors import NotFound
from cluster.graphs.agents import AgentSpec
from cluster.graphs.chatting import can_chat
from cluster.graphs.documentation import document, usage
from cluster.specs.graph import GRAPH_NAME, GraphSpec
from cluster.specs.loader import nearest

router = APIRouter(prefix="/api/v1", tags=["agents"])
TypeName = Annotated[str, Path(pattern=GRAPH_NAME, description="Name of a graph of the library.")]
Accept = Annotated[str, Header(include_in_schema=False)]
Format = Annotated[FormatQuery, Query()]


@router.get("/agent-types", summary="List agent types", response_model=Success[list[AgentType]], responses=responses(ok([TYPE]), READS))
async def list_agent_types(graphs: WithGraphs, _: AsViewer) -> Response:
    """The graphs of the library, with the schema of what they take and what they give. A task of one needs nothing but its name."""
    return success([_type(spec) for spec in graphs.library])


@router.get(
    "/agent-types/{agent_type}/documentation",
    summary="Documentation of an agent type",
    response_model=Success[TypeDocument],
    responses=responses(ok(DOCUMENT), READS, media={"text/markdown": MARKDOWN}),
)
async def get_documentation(graphs: WithGraphs, _: AsViewer, agent_type: TypeName, wanted: Format, accept: Accept = "") -> Response:
    """Written from the graph as it is today: what it takes, what it gives, its steps, where it waits for people, and its tools. With
    `?format=markdown` or `Accept: text/markdown` the text alone."""
    spec = _found(graphs, agent_type)
    text = document(spec, mermaid_of(spec), chat=can_chat(spec), usage=usage(graphs.library.file(spec.name).text))
    if wanted.markdown(accept):
        return Response(text, media_type="text/markdown")
    return success(TypeDocument(type=spec.name, version=spec.version, input_schema=spec.input, markdown=text))


@router.get(
    "/docs/agent-creation",
    summary="How to make an agent",
    response_model=Success[CreationDocument],
    responses=responses(
        ok({"agent_schema": {"type": "object"}, "markdown": "# Making an agent\n"}), READS, media={"text/markdown": MARKDOWN}
    ),
)
async def get_agent_creation(_: AsViewer, wanted: Format, accept: Accept = "") -> Response:
    """What an agent is made from, field by field. With `?format=markdown` or `Accept: text/markdown` the text alone."""
    text = how_to_make_one()
    if wanted.markdown(accept):
        return Response(text, media_type="text/markdown")
    return success(CreationDocument(agent_schema=AgentSpec.model_json_schema(), markdown=text))


def _found(graphs: Graphs, name: str) -> GraphSpec:
    known = graphs.library.specs
    if name not in known:
        hint = nearest(name, known)
        raise NotFound(
            f"There is no agent type '{name}'" + (f"; did you mean '{hint}'?" if hint else "; GET /api/v1/agent-types lists all.")
        )
    return known[name]


def _type(spec: GraphSpec) -> AgentType:
    return AgentType(
        type=spec.name,
        title=spec.title or spec.name,
        description=spec.description,
        version=spec.version,
        chat=can_chat(spec),
        input_schema=spec.input,
        output=dict(spec.output),
        nodes=len(spec.nodes),
        tags=spec.tags,
    )

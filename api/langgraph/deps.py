"""The services of LangGraph's clients, for whoever asks."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Depends, Header, Path

from api.audit.trail import WithOrigin, WithTrail
from api.langgraph.assistants import Assistants
from api.langgraph.runs import ThreadRuns
from api.langgraph.threads import ThreadService
from api.web.deps import WithSession
from api.web.openapi import READING, WORKING
from api.web.principal import AsViewer
from api.workflows.install import WithGraphs

PREFIX = "/langgraph"
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*READS, 409)
WRITES = (*WORKING, 409)

ThreadId = Annotated[uuid.UUID, Path(description="Id of the thread.")]
RunId = Annotated[uuid.UUID, Path(description="Id of the run.")]
AssistantId = Annotated[str, Path(min_length=1, max_length=200, description="Name, `name@version`, or id of a graph.")]
LastEvent = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1, description="Id of the last event that arrived.")]


async def assistants(session: WithSession, who: AsViewer, graphs: WithGraphs) -> Assistants:
    return Assistants(session, who, graphs)


async def threads(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> ThreadService:
    return ThreadService(session, who, trail, graphs)


async def thread_runs(graphs: WithGraphs, who: AsViewer, origin: WithOrigin) -> ThreadRuns:
    return ThreadRuns(graphs, who, origin)


WithAssistants = Annotated[Assistants, Depends(assistants)]
WithThreads = Annotated[ThreadService, Depends(threads)]
WithThreadRuns = Annotated[ThreadRuns, Depends(thread_runs)]

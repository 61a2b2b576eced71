"""``/langgraph/threads``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.langgraph.deps import CHANGES, PREFIX, READS, WRITES, ThreadId, WithThreads
from api.langgraph.examples import CHECKPOINT, CHECKPOINT_ID, STATE, THREAD
from api.langgraph.responding import json
from api.langgraph.schemas import HistoryBody, PruneBody, StateBody, StateFields, StateQuery, ThreadBody, ThreadPatch, ThreadSearch
from api.langgraph.shapes import selected
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix=f"{PREFIX}/threads", tags=["langgraph"])

Searched = Annotated[ThreadSearch, Depends(json_body(ThreadSearch, Unprocessable))]
CheckpointId = Annotated[str, Path(max_length=64, description="Id of a checkpoint of the thread.")]


@router.post(
    "",
    summary="Create a thread",
    responses=responses(THREAD, WRITES),
    openapi_extra=json_request(ThreadBody, {"metadata": {"customer": "Mira"}}),
)
async def create_thread(service: WithThreads, body: Annotated[ThreadBody, Depends(json_body(ThreadBody, Unprocessable))]) -> Response:
    """Runs of a thread follow each other: where a graph is spoken to in `messages`, each run is given all that was said before. A thread
    in which nothing was done for graphs.kept_days, and whose runs are gone, is removed."""
    return json(await service.create(body))


@router.post(
    "/search",
    summary="Search threads",
    responses=responses([THREAD], WRITES),
    openapi_extra=json_request(ThreadSearch, {"metadata": {"customer": "Mira"}, "limit": 10, "offset": 0}),
)
async def search_threads(service: WithThreads, body: Searched) -> Response:
    """Those of your organisation, last used first."""
    return json(await service.search(body))


@router.post(
    "/count", summary="Count threads", responses=responses(7, WRITES), openapi_extra=json_request(ThreadSearch, {"status": "interrupted"})
)
async def count_threads(service: WithThreads, body: Searched) -> Response:
    """How many `search` would find, on all its pages."""
    return json(await service.count(body))


@router.post(
    "/prune",
    summary="Remove threads",
    responses=responses({"pruned_count": 1}, WRITES),
    openapi_extra=json_request(PruneBody, {"thread_ids": [], "strategy": "delete"}),
)
async def prune_threads(service: WithThreads, body: Annotated[PruneBody, Depends(json_body(PruneBody, Unprocessable))]) -> Response:
    """With all their runs; all of them or none. Old checkpoints are removed by themselves (graphs.checkpoints), so `keep_latest` is
    refused."""
    if body.strategy != "delete":
        raise Unprocessable("Checkpoints are removed by themselves (graphs.checkpoints, graphs.checkpoint_days); take 'delete'.")
    for thread_id in dict.fromkeys(body.thread_ids):
        await service.remove(thread_id)
    return json({"pruned_count": len(set(body.thread_ids))})


@router.get("/{thread_id}", summary="One thread", responses=responses(THREAD, READS))
async def get_thread(thread_id: ThreadId, service: WithThreads, include: str | None = None) -> Response:
    """With its values: the input, what nodes wrote, the output and, where it is spoken to in messages, the conversation. `include` is not
    needed: everything is told."""
    return json(await service.one(thread_id))


@router.patch(
    "/{thread_id}",
    summary="Change a thread",
    responses=responses(THREAD, WRITES),
    openapi_extra=json_request(ThreadPatch, {"metadata": {"customer": "Okan"}}),
)
async def change_thread(
    thread_id: ThreadId, service: WithThreads, body: Annotated[ThreadPatch, Depends(json_body(ThreadPatch, Unprocessable))]
) -> Response:
    """Its metadata. Your own threads; an admin any."""
    return json(await service.change(thread_id, body))


@router.delete("/{thread_id}", summary="Remove a thread", responses=responses({}, CHANGES))
async def remove_thread(thread_id: ThreadId, service: WithThreads) -> Response:
    """With its runs, which must have ended. Your own threads; an admin any."""
    await service.remove(thread_id)
    return json({})


@router.post("/{thread_id}/copy", summary="Copy a thread", responses=responses(THREAD, CHANGES))
async def copy_thread(thread_id: ThreadId, service: WithThreads) -> Response:
    """A thread of yours that stands where this one does. It has no runs yet, and begins with the state of this one's for as long as that
    is kept."""
    return json(await service.copy(thread_id))


@router.get("/{thread_id}/state", summary="State of a thread", responses=responses(STATE, READS))
async def get_state(thread_id: ThreadId, service: WithThreads, asked: Annotated[StateFields, Query()]) -> Response:
    """Its values, the nodes that come next, and what people are asked."""
    return json(selected(await service.state(thread_id), asked.select))


@router.get("/{thread_id}/state/{checkpoint_id}", summary="State at a checkpoint", responses=responses(STATE, READS))
async def get_state_at(
    thread_id: ThreadId, checkpoint_id: CheckpointId, service: WithThreads, asked: Annotated[StateFields, Query()]
) -> Response:
    """As it was then; the latest checkpoints are kept (graphs.checkpoints, graphs.checkpoint_days)."""
    return json(selected(await service.state(thread_id, checkpoint_id), asked.select))


@router.post(
    "/{thread_id}/state/checkpoint",
    summary="State at a checkpoint, by POST",
    responses=responses(STATE, WRITES),
    openapi_extra=json_request(StateQuery, {"checkpoint": {"checkpoint_id": CHECKPOINT_ID}}),
)
async def get_state_by_post(
    thread_id: ThreadId, service: WithThreads, body: Annotated[StateQuery, Depends(json_body(StateQuery, Unprocessable))]
) -> Response:
    """The same, as the SDK asks for it when it is given a checkpoint."""
    return json(selected(await service.state(thread_id, body.checkpoint.checkpoint_id), body.select))


@router.post(
    "/{thread_id}/state",
    summary="Change the state of a thread",
    responses=responses({"checkpoint": CHECKPOINT}, WRITES),
    openapi_extra=json_request(StateBody, {"values": {"greeting": "Good evening."}}),
)
async def change_state(
    thread_id: ThreadId, service: WithThreads, body: Annotated[StateBody, Depends(json_body(StateBody, Unprocessable))]
) -> Response:
    """What the thread stands at, or stood at, with other values. A run without input goes on from there, as a fork of the run that it was.
    Your own threads; an admin any."""
    return json(await service.edit(thread_id, body))


@router.post(
    "/{thread_id}/history",
    summary="Checkpoints of a thread",
    responses=responses([STATE], WRITES),
    openapi_extra=json_request(HistoryBody, {"limit": 10}),
)
async def get_history(
    thread_id: ThreadId, service: WithThreads, body: Annotated[HistoryBody, Depends(json_body(HistoryBody, Unprocessable))]
) -> Response:
    """Of all its runs, the latest first."""
    return json(await service.history(thread_id, body))

"""The services of answers, for whoever asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.agents.deps import WithGateway
from api.retrieval.deps import WithKnowledge
from api.streams.compacting import Compacting
from api.streams.removing import Removing
from api.streams.running import Streams
from api.streams.service import Preparing
from api.web.deps import WithParts
from api.web.exchange import exchange_of
from api.web.principal import AsEditor


async def streams_of(request: Request) -> Streams:
    streams = request.app.state.streams
    assert isinstance(streams, Streams)
    return streams


WithStreams = Annotated[Streams, Depends(streams_of)]


async def preparing(
    request: Request, parts: WithParts, gateway: WithGateway, streams: WithStreams, who: AsEditor, knowledge: WithKnowledge
) -> Preparing:
    return Preparing(parts, gateway, streams, who, knowledge, exchange_of(request.scope))


async def compacting(parts: WithParts, streams: WithStreams, who: AsEditor) -> Compacting:
    return Compacting(parts, streams.on_saved, who)


async def removing(parts: WithParts, streams: WithStreams, who: AsEditor) -> Removing:
    return Removing(parts, streams, who)


WithPreparing = Annotated[Preparing, Depends(preparing)]
WithCompacting = Annotated[Compacting, Depends(compacting)]
WithRemoving = Annotated[Removing, Depends(removing)]

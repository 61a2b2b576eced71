"""What the endpoints of the knowledge base are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.knowledge.finding import Finding
from api.knowledge.install import WithIndexer
from api.knowledge.items import Items, reader_of
from api.knowledge.opinions import Opinions
from api.knowledge.sharing import Sharing
from api.semantic.deps import WithAsking
from api.web.deps import WithParts, WithSession
from api.web.principal import AsEditor, AsViewer


async def readable(parts: WithParts, session: WithSession, who: AsViewer) -> Items:
    return Items(session, who, parts.settings.knowledge)


async def writable(parts: WithParts, session: WithSession, indexer: WithIndexer, who: AsEditor) -> Items:
    indexer.after(session)
    return Items(session, who, parts.settings.knowledge)


async def seen(parts: WithParts, session: WithSession, who: AsViewer) -> Sharing:
    return Sharing(session, who, parts.settings.knowledge)


async def shareable(parts: WithParts, session: WithSession, indexer: WithIndexer, who: AsEditor) -> Sharing:
    indexer.after(session)
    return Sharing(session, who, parts.settings.knowledge)


async def finding(asks: WithAsking, who: AsViewer) -> Finding:
    return Finding(asks, reader_of(who))


async def embedding(asks: WithAsking, who: AsEditor) -> Finding:
    return Finding(asks, reader_of(who))


async def opinions(asks: WithAsking, who: AsEditor) -> Opinions:
    return Opinions(asks, who)


ReadingItems = Annotated[Items, Depends(readable)]
WritingItems = Annotated[Items, Depends(writable)]
SeeingShares = Annotated[Sharing, Depends(seen)]
WritingShares = Annotated[Sharing, Depends(shareable)]
WithFinding = Annotated[Finding, Depends(finding)]
Embedding = Annotated[Finding, Depends(embedding)]
WithOpinions = Annotated[Opinions, Depends(opinions)]

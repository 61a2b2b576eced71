"""What the endpoints of the semantic services are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.semantic.facts import Extraction, Facts
from api.semantic.judging import Judging
from api.semantic.merging import Merging
from api.semantic.models import Asking
from api.semantic.similarity import Similarity
from api.web.deps import WithExchange, WithParts, WithSession
from api.web.principal import AsEditor, AsViewer


async def asking(parts: WithParts, exchange: WithExchange, who: AsViewer) -> Asking:
    return Asking(parts, exchange, str(who.organisation_id))


WithAsking = Annotated[Asking, Depends(asking)]


async def similarity(asks: WithAsking, who: AsViewer) -> Similarity:
    return Similarity(asks, who)


async def judging(asks: WithAsking) -> Judging:
    return Judging(asks)


async def extraction(asks: WithAsking, who: AsEditor) -> Extraction:
    return Extraction(asks, who)


async def readable(session: WithSession, who: AsViewer) -> Facts:
    return Facts(session, who)


async def writable(session: WithSession, who: AsEditor) -> Facts:
    return Facts(session, who)


async def resolving(parts: WithParts, session: WithSession, who: AsViewer) -> Merging:
    return Merging(session, who, parts.settings.semantic.compared_entities)


async def merging(parts: WithParts, session: WithSession, who: AsEditor) -> Merging:
    return Merging(session, who, parts.settings.semantic.compared_entities)


WithSimilarity = Annotated[Similarity, Depends(similarity)]
WithJudging = Annotated[Judging, Depends(judging)]
WithExtraction = Annotated[Extraction, Depends(extraction)]
ReadingFacts = Annotated[Facts, Depends(readable)]
WritingFacts = Annotated[Facts, Depends(writable)]
ReadingMerges = Annotated[Merging, Depends(resolving)]
WritingMerges = Annotated[Merging, Depends(merging)]

"""Puts the knowledge base into an application: the index follows it beside requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.knowledge.indexing import Indexer


def install_knowledge(app: FastAPI) -> Indexer:
    """Also on ``app.state.knowledge``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    indexer = Indexer(app.state.parts)
    app.state.knowledge = indexer
    return indexer


async def indexer_of(request: Request) -> Indexer:
    indexer = request.app.state.knowledge
    assert isinstance(indexer, Indexer)
    return indexer


WithIndexer = Annotated[Indexer, Depends(indexer_of)]

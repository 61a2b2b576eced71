"""A small library in an index of its own, whose vectors come from the models that are asked."""

from __future__ import annotations

import uuid
from typing import Any

from cluster.contracts.perception import EmbeddingRequest
from cluster.contracts.retrieval import ChunkRecord, Point, Space, Span
from cluster.fakes.gateway import FakeGateway
from cluster.gateway import ModelGateway
from cluster.retrieval.passages import Place
from cluster.specs.retrieval import RetrievalSpec
from cluster.vectors import VectorStore

OURS, THEIRS = str(uuid.uuid4()), str(uuid.uuid4())
MODEL = "fake-embedder"


def spec(**changes: Any) -> RetrievalSpec:
    return RetrievalSpec.model_validate({"name": "tried", "version": 3, "description": "Of a test.", **changes})


def piece(document: str, number: int, text: str, organisation: str = OURS, **others: Any) -> ChunkRecord:
    fields: dict[str, Any] = {"collection": "farm", "version": 1, "span": Span(0, len(text))}
    return ChunkRecord(organisation=organisation, document=document, number=number, text=text, **{**fields, **others})


async def shelve(vectors: VectorStore, *chunks: ChunkRecord, gateway: ModelGateway | None = None, model: str = MODEL) -> Space:
    """Writes chunks with the vectors that ``model`` gives them."""
    found = await (gateway or FakeGateway()).embed(EmbeddingRequest(model, tuple(chunk.text for chunk in chunks)))
    space = Space(model, found.variant, found.vectors.shape[1])
    points = [Point(chunk, vector) for chunk, vector in zip(chunks, found.vectors, strict=True)]
    await vectors.upsert(chunks[0].organisation, space, points)
    return space


def place(space: Space | None, collection: str = "farm") -> list[Place]:
    return [Place(collection, space)]

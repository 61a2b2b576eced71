"""What the stages are given of the running cluster: models, index and database. All of it travels to Ray's workers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.contracts.documents import Chunk, Document
from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.perception import EmbeddingRequest, Embeddings, TextExtractionRequest, TranscriptionRequest
from cluster.contracts.retrieval import ChunkRecord, Point, Space, Span
from cluster.errors import EngineError, NotFound
from cluster.knowledge.shelf import Shelf
from cluster.serving.reach import Attachment
from cluster.text.tokens import token_spans
from pipelines.ingest.steps import Vectors
from pipelines.stages.recognise import Recognisers

PROBE = "Where vectors of this model are."
CANNOT_ANSWER = frozenset({ModelState.NOT_PULLED, ModelState.REJECTED})


def space_of(cluster: Attachment, model: str) -> Space:
    """Where the vectors are that ``model`` gives now."""
    found = _embedded(cluster, model, (PROBE,))
    return Space(model, found.variant, found.vectors.shape[1])


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts to vectors of ``space``. A text longer than the model reads is embedded by its beginning."""

    cluster: Attachment
    space: Space

    def __call__(self, texts: Sequence[str]) -> Vectors:
        found = _embedded(self.cluster, self.space.model, tuple(texts))
        if found.variant != self.space.variant:
            raise EngineError(f"The form of '{self.space.model}' changed to {found.variant} meanwhile; run the job again.")
        return found.vectors


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where the tokens of a text lie, as ``model`` cuts it."""

    cluster: Attachment
    model: str

    def __call__(self, text: str) -> Sequence[tuple[int, int]]:
        reach = self.cluster.reach()
        return reach.wait(token_spans, reach.models, self.model, text)


@dataclass(frozen=True, slots=True)
class Indexing:
    """Chunks of a collection, with their vectors, into the index."""

    cluster: Attachment
    space: Space
    organisation: uuid.UUID
    collection: uuid.UUID

    def __call__(self, chunks: Sequence[Chunk], vectors: Sequence[npt.NDArray[np.float32] | None]) -> None:
        reach, most = self.cluster.reach(), self.cluster.settings.vectors.points_per_write
        points = [Point(self._record(chunk), vector, not chunk.is_parent) for chunk, vector in zip(chunks, vectors, strict=True)]
        for start in range(0, len(points), most):
            part = points[start : start + most]
            reach.wait(reach.vectors.upsert, str(self.organisation), self.space, part)

    def _record(self, chunk: Chunk) -> ChunkRecord:
        return ChunkRecord(
            str(self.organisation),
            str(self.collection),
            chunk.document,
            chunk.version,
            chunk.number,
            chunk.text,
            Span(chunk.start, chunk.end),
            chunk.page,
            tuple(chunk.heading_path),
            chunk.parent,
            turns=chunk.turns,
        )


@dataclass(frozen=True, slots=True)
class Texts:
    """Keeps what was read of documents. Raises NotFound, which is about this document only, for one that was removed meanwhile."""

    cluster: Attachment
    collection: uuid.UUID

    def __call__(self, document: Document, root: str) -> None:
        async def keep() -> bool:
            async with self.cluster.reach().database.session() as session:
                return await Shelf(session, self.collection).keep(document, uuid.UUID(root))

        if not self.cluster.reach().wait(keep):
            raise NotFound("It was removed meanwhile.")


@dataclass(frozen=True, slots=True)
class Indexed:
    """Whether the index has a document with a content of that hash already. ``waiting`` are known to have changed."""

    cluster: Attachment
    collection: uuid.UUID
    waiting: frozenset[str] = frozenset()

    def __call__(self, document: str, content_hash: str) -> bool:
        if document in self.waiting:
            return False

        async def look() -> bool:
            async with self.cluster.reach().database.session() as session:
                return await Shelf(session, self.collection).is_indexed(uuid.UUID(document), content_hash)

        return self.cluster.reach().wait(look)


@dataclass(frozen=True, slots=True)
class Picture:
    cluster: Attachment
    model: str

    def __call__(self, image: bytes) -> str:
        reach = self.cluster.reach()
        return reach.wait(reach.models.extract_text, TextExtractionRequest(self.model, image)).text


@dataclass(frozen=True, slots=True)
class Sound:
    cluster: Attachment
    model: str

    def __call__(self, sound: bytes) -> str:
        reach = self.cluster.reach()
        return reach.wait(reach.models.transcribe, TranscriptionRequest(self.model, sound)).text


def recognisers(cluster: Attachment) -> Recognisers:
    """The first model of the profile that reads pictures, and the first that transcribes, where there are such."""
    return Recognisers(_first(cluster, ModelKind.OCR, Picture), _first(cluster, ModelKind.TRANSCRIPTION, Sound))


def _first(
    cluster: Attachment, kind: ModelKind, door: Callable[[Attachment, str], Callable[[bytes], str]]
) -> Callable[[bytes], str] | None:
    usable = (model.id for model in cluster.models if model.kind is kind and model.state not in CANNOT_ANSWER)
    return next((door(cluster, model) for model in usable), None)


def _embedded(cluster: Attachment, model: str, texts: tuple[str, ...]) -> Embeddings:
    reach = cluster.reach()
    return reach.wait(reach.models.embed, EmbeddingRequest(model, texts, truncate=True, behind=True))

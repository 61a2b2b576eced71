"""Texts as vectors, and what follows from them: search and duplicates; and texts cut into chunks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import numpy as np

from api.semantic.answers import ChunkAnswer, Chunks, Duplicates, EmbedData, FoundText, PairAnswer, SearchData
from api.semantic.models import Asking, space_of
from api.semantic.repository import collection_of
from api.semantic.schemas import ChunkBody, DuplicatesBody, EmbedBody, SearchBody
from api.web.principal import Principal
from cluster.contracts.models import ModelKind
from cluster.contracts.retrieval import Filters, SearchQuery, Space, Thresholds
from cluster.errors import BadInput, NotFound
from cluster.text.chunking import Chunking, chunk
from cluster.text.duplicates import Duplicate, Fingerprint, by_meaning, duplicates, fingerprint
from cluster.text.plain import plain


class Similarity:
    def __init__(self, asking: Asking, who: Principal) -> None:
        self._asking = asking
        self._who = who
        self._settings = asking.parts.settings

    async def embed(self, body: EmbedBody) -> EmbedData:
        self._check(body.texts, self._settings.limits.embedding_inputs, "limits.embedding_inputs")
        model = await self._asking.model(ModelKind.EMBEDDING, body.model)
        found = await self._asking.embed(body.texts, model, truncate=body.truncate)
        space = space_of(model, found)
        return EmbedData(
            model=model,
            variant=space.variant,
            dimensions=space.dimensions,
            embeddings=found.vectors.tolist(),
            prompt_tokens=found.prompt_tokens,
        )

    async def search(self, body: SearchBody) -> SearchData:
        """Hits above the threshold, the best first."""
        self._check([body.query], 1, "")
        if body.collection is not None:
            return await self._search_collection(body, body.collection)
        texts = body.texts or []
        self._check(texts, self._settings.semantic.texts, "semantic.texts")
        model = await self._asking.model(ModelKind.EMBEDDING, body.model)
        vectors = await self._asking.whole([body.query, *texts], model)
        # Rounded, so that equal texts are equal, and keep their order.
        scores = np.clip(np.round(vectors[1:] @ vectors[0], 6), -1.0, 1.0)
        order = [int(at) for at in np.argsort(-scores, kind="stable") if scores[at] >= body.threshold][: body.limit]
        hits = [FoundText(index=at, text=texts[at], score=float(scores[at])) for at in order]
        return SearchData(model=model, threshold=body.threshold, hits=hits)

    async def chunks(self, body: ChunkBody) -> Chunks:
        """Exact spans of the text."""
        self._check([body.text], 1, "")
        how = Chunking(body.strategy, body.size, body.overlap, body.parent_size)
        spans = await self._asking.spans(body.text, body.model) if body.strategy == "tokens" else ()
        return Chunks(chunks=await asyncio.to_thread(_chunks, body.text, how, spans), chars=len(body.text))

    async def duplicates(self, body: DuplicatesBody) -> Duplicates:
        """Pairs of texts that say the same; of a pair, the strongest evidence."""
        self._check(body.texts, self._settings.semantic.texts, "semantic.texts")
        if len(body.texts) < 2:
            raise BadInput("One text has no duplicates; send two or more.").about("texts")
        # Numbers of one width, so that their order as text is their order.
        names = [f"{number:06}" for number in range(len(body.texts))]
        prints = await asyncio.to_thread(_fingerprints, names, body.texts)
        pairs = {(one.first, one.second): one for one in await asyncio.to_thread(duplicates, prints)}
        model = None
        if body.semantic:
            model = await self._asking.model(ModelKind.EMBEDDING, body.model)
            for one in by_meaning(names, await self._asking.whole(body.texts, model)):
                pairs.setdefault((one.first, one.second), one)
        return Duplicates(model=model, pairs=[_pair(pairs[key]) for key in sorted(pairs)])

    async def _search_collection(self, body: SearchBody, collection_id: uuid.UUID) -> SearchData:
        async with self._asking.parts.stores.database.session() as session:
            row = await collection_of(session, self._who.organisation_id, collection_id)
        if row is None:
            raise NotFound("Your organisation has no such collection; GET /api/v1/collections lists those it has.")
        if body.model is not None and body.model != row.embedding_model:
            raise BadInput(f"The collection has the vectors of '{row.embedding_model}'; leave 'model' out.").about("model")
        if row.space is None:
            return SearchData(model=row.embedding_model, threshold=body.threshold, hits=[])
        model = await self._asking.model(ModelKind.EMBEDDING, row.embedding_model)
        vector = (await self._asking.embed([body.query], model)).vectors[0]
        query = SearchQuery(
            "dense",
            vector,
            filters=Filters(collections=(str(collection_id),)),
            limit=body.limit,
            candidates=max(100, body.limit),
            thresholds=Thresholds(dense=body.threshold),
        )
        hits = await self._asking.parts.vectors.search(str(self._who.organisation_id), Space(**row.space), query)
        return SearchData(model=model, threshold=body.threshold, hits=[FoundText.of(hit) for hit in hits])

    def _check(self, texts: Sequence[str], most: int, setting: str) -> None:
        if setting and len(texts) > most:
            raise BadInput(f"'texts' holds {len(texts)} texts, at most {most} are taken (setting {setting}); send fewer.").about("texts")
        longest = self._settings.limits.text_chars
        for index, text in enumerate(texts):
            if len(text) > longest:
                raise BadInput(f"Text {index} has {len(text)} characters, at most {longest} are taken (limits.text_chars); split it.")


def _chunks(text: str, how: Chunking, spans: Sequence[tuple[int, int]]) -> list[ChunkAnswer]:
    return [
        ChunkAnswer(number=one.number, text=one.text, start=one.start, end=one.end, parent=one.parent, is_parent=one.is_parent)
        for one in chunk(plain(text), how, lambda _: spans)
    ]


def _fingerprints(names: Sequence[str], texts: Sequence[str]) -> list[Fingerprint]:
    return [fingerprint(name, text) for name, text in zip(names, texts, strict=True)]


def _pair(one: Duplicate) -> PairAnswer:
    return PairAnswer(first=int(one.first), second=int(one.second), tier=one.tier, confidence=one.confidence, reason=one.reason)

"""Retrieval: from a question to the passages that answer it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cluster.contracts.retrieval import EVERYTHING, ChunkRecord, Filters, Hit, Space
from cluster.errors import BadInput, NotFound
from cluster.gateway import ModelGateway
from cluster.retrieval.folding import folded, one_per_parent
from cluster.retrieval.passages import Found, Passage, Paths, Place, by_id
from cluster.retrieval.question import Asked, Questions
from cluster.retrieval.second_reading import read_again
from cluster.retrieval.surroundings import with_parents
from cluster.specs.retrieval import RetrievalSpec
from cluster.vectors import VectorStore

# Hits that are looked at for each one that is given: some say the same, some are of documents that are gone.
SPARE = 3
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Searched:
    """What one index answered."""

    space: Space
    hits: tuple[Hit, ...]
    asked: Asked


class Retriever:
    """Searches through whatever gateway and index it is given; keeps nothing between two questions."""

    def __init__(self, gateway: ModelGateway, vectors: VectorStore) -> None:
        self._gateway = gateway
        self._vectors = vectors

    async def find(
        self,
        organisation: str,
        question: str,
        places: Iterable[Place],
        settings: RetrievalSpec,
        *,
        filters: Filters = EVERYTHING,
        limit: int | None = None,
        paths: Paths = by_id,
        request_id: str = "",
    ) -> Found:
        """The passages of ``places`` that answer ``question``, the best first, at most ``limit`` (by default that of ``settings``).

        Collections whose vectors are of different models are searched each in their own index, and fused by reciprocal rank. Nothing of
        another organisation is found, whatever ``places`` and ``filters`` say, nor anything of a document that ``paths`` does not know.
        Raises BadInput for a question without a word, and what gateway and index raise.
        """
        question, notes = _searchable(question, settings)
        most = limit or settings.limit
        again = settings.rerank.candidates if settings.rerank else 0
        questions = Questions(self._gateway, settings, request_id)
        searched = await self._searched(organisation, question, places, questions, filters, max(most * SPARE, again))
        passages, spaces = _fused(searched, settings.rrf_k)
        passages = folded(await _standing(passages, organisation, paths), settings.fold)
        notes += [one.asked.note for one in searched if one.asked.note]
        spent = [cost for one in searched for cost in one.asked.spent]
        if settings.rerank is not None:
            read = await read_again(self._gateway, settings.rerank, question, passages, most, request_id)
            passages = read.passages
            notes += [read.note] if read.note else []
            spent += read.spent
        if settings.parents:
            best = one_per_parent(passages)[:most]
            passages = await with_parents(self._vectors, organisation, [(one, spaces[_key(one.chunk)]) for one in best])
        return Found(tuple(_told(one) for one in passages[:most]), tuple(dict.fromkeys(notes)), tuple(spent))

    async def _searched(
        self, organisation: str, question: str, places: Iterable[Place], questions: Questions, filters: Filters, limit: int
    ) -> list[_Searched]:
        """All indexes at once, in an order that does not depend on which answers first."""
        by_space: dict[Space, list[str]] = defaultdict(list)
        for place in places:
            if place.space is not None and place.collection in (filters.collections or (place.collection,)):
                by_space[place.space].append(place.collection)
        work = [
            self._one(organisation, question, space, questions, replace(filters, collections=tuple(collections)), limit)
            for space, collections in sorted(by_space.items(), key=lambda pair: (pair[0].model, pair[0].variant, pair[0].dimensions))
        ]
        return list(await asyncio.gather(*work))

    async def _one(self, organisation: str, question: str, space: Space, questions: Questions, filters: Filters, limit: int) -> _Searched:
        asked = await questions.of(question, space, filters, limit)
        try:
            return _Searched(space, await self._vectors.search(organisation, space, asked.query), asked)
        except NotFound:
            return _Searched(space, (), asked)  # nothing was written there yet


def _searchable(question: str, settings: RetrievalSpec) -> tuple[str, list[str]]:
    """The question as it is searched with, and a note where that is not all of it. What is asked stands mostly at the end."""
    question = question.strip()
    if not question:
        raise BadInput("The question holds nothing but white space; write what you want to know.").about("question")
    most = settings.question_chars
    if len(question) <= most:
        return question, []
    return question[-most:], [f"Searched with the last {most} characters of the question (question_chars of the retrieval settings)."]


def _fused(searched: Sequence[_Searched], k: int) -> tuple[list[Passage], dict[Key, Space]]:
    """One order of all hits, and where each was found. Scores of different models say nothing to each other, but ranks do: reciprocal
    rank fusion, as of the parts within one index."""
    spaces = {_key(hit.chunk): one.space for one in searched for hit in one.hits}
    if len(searched) == 1:
        return [_passage(hit, hit.score) for hit in searched[0].hits], spaces
    ranked = [_passage(hit, 1 / (k + rank)) for one in searched for rank, hit in enumerate(one.hits, start=1)]
    return sorted(ranked, key=lambda passage: -passage.score), spaces


def _passage(hit: Hit, score: float) -> Passage:
    chunk = hit.chunk
    return Passage(chunk, chunk.document, chunk.text, chunk.span, chunk.page, score, hit.parts, hit.reason, turns=chunk.turns)


async def _standing(passages: Sequence[Passage], organisation: str, paths: Paths) -> list[Passage]:
    """Those of documents that are there, with their paths. The index says whose chunks are whose, and is not believed blindly."""
    own = [passage for passage in passages if passage.chunk.organisation == organisation]
    known = await paths(tuple(dict.fromkeys(passage.chunk.document for passage in own))) if own else {}
    return [replace(one, path=known[one.chunk.document]) for one in own if one.chunk.document in known]


def _told(passage: Passage) -> Passage:
    others = len(passage.repeats)
    if not others:
        return passage
    more = "hit that shows" if others == 1 else "hits that show"
    return replace(passage, reason=f"{passage.reason} Stands for {others} more {more} the same.")


def _key(chunk: ChunkRecord) -> Key:
    return chunk.document, chunk.version, chunk.number

"""A question as each index understands it: its vector, by the model that made the vectors there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.perception import EmbeddingRequest, Embeddings, ImageEmbeddingRequest
from cluster.contracts.retrieval import Diversity, Filters, SearchQuery, Space, Thresholds, Vector
from cluster.errors import ModelNotFound, NotFound
from cluster.gateway import ModelGateway
from cluster.specs.retrieval import RetrievalSpec

# What a request makes ready by asking, and what it cannot.
ANSWERS = frozenset({ModelState.READY, ModelState.LOADING, ModelState.IDLE})


@dataclass(frozen=True, slots=True)
class Asked:
    """What one index is to be asked. ``note``: why that is less than was wanted."""

    query: SearchQuery
    note: str | None = None
    spent: tuple[tuple[str, int], ...] = ()


class Questions:
    """Turns one question into queries."""

    def __init__(self, gateway: ModelGateway, spec: RetrievalSpec, request_id: str = "") -> None:
        self._gateway = gateway
        self._spec = spec
        self._request_id = request_id

    async def of(self, question: str, space: Space, filters: Filters, limit: int) -> Asked:
        """Where the model of ``space`` does not answer in the form that its vectors have, a hybrid search goes by words alone, and says so.
        Raises what the gateway raises; NotFound for a search by meaning alone without its model."""
        query = self._query(question, filters, limit)
        if query.mode == "sparse":
            return Asked(query)
        try:
            found = await self._embedded(question, space)
        except ModelNotFound as error:
            return self._by_words(query, f"'{space.model}' does not answer: {error.message}", ())
        spent = ((space.model, found.prompt_tokens),)
        vector: Vector = found.vectors[0]
        if (found.variant, len(vector)) != (space.variant, space.dimensions):
            why = f"what was ingested with '{space.model}' ({space.variant}) cannot be compared with its present form ({found.variant})"
            return self._by_words(query, f"{why}; ingest it again.", spent)
        return Asked(replace(query, vector=vector), None, spent)

    def _by_words(self, query: SearchQuery, why: str, spent: tuple[tuple[str, int], ...]) -> Asked:
        if query.mode == "dense":
            raise NotFound(f"A search by meaning is not possible here: {why}")
        return Asked(replace(query, mode="sparse"), f"Searched by words only: {why}", spent)

    async def _embedded(self, question: str, space: Space) -> Embeddings:
        """By whatever kind of model it is: one for texts, or one that has texts and images in one space."""
        try:
            status = await self._gateway.resolve(space.model, ModelKind.EMBEDDING)
        except ModelNotFound:
            status = await self._gateway.resolve(space.model, ModelKind.CLIP)
        if status.state not in ANSWERS:
            raise ModelNotFound(f"it is {status.state.value}. {status.reason}")
        if status.kind is ModelKind.CLIP:
            asked = ImageEmbeddingRequest(space.model, texts=(question,), truncate=True, request_id=self._request_id)
            return await self._gateway.embed_images(asked)
        return await self._gateway.embed(EmbeddingRequest(space.model, (question,), truncate=True, request_id=self._request_id))

    def _query(self, question: str, filters: Filters, limit: int) -> SearchQuery:
        spec = self._spec
        return SearchQuery(
            mode=spec.mode,
            text=question,
            filters=filters,
            limit=limit,
            candidates=max(spec.candidates, limit),
            rrf_k=spec.rrf_k,
            dense_weight=spec.dense_weight,
            sparse_weight=spec.sparse_weight,
            thresholds=Thresholds(spec.dense_minimum, spec.sparse_minimum, spec.fused_minimum),
            diversity=None if spec.diversity is None else Diversity(spec.diversity),
        )

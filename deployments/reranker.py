"""Documents in the order in which they answer a question: the deployment of every reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.contracts.serving import ReplicaSpec, ReplicaStats
from cluster.errors import BadInput
from deployments.batching import Batcher
from deployments.engines.protocols import Pair, RerankEngine
from deployments.replica import Replica

# Tokenising this much takes about a millisecond; more of it goes to a thread, so that other requests are not kept waiting.
INLINE_CHARS = 4096


class Reranker:
    """One replica."""

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._engine: RerankEngine = self._replica.engine
        self._batcher: Batcher[Pair] = Batcher(self._engine.score, self._engine.batch_tokens)

    async def rerank(self, request: RerankRequest) -> Reranking:
        """Scores in the order of the documents; requests that arrive together are computed together.

        Raises BadInput (no question, no documents), ContextLengthExceeded (too long a question) or EngineError.
        """
        _check(request)
        given = (request.query, request.documents, request.document_tokens)
        if len(request.query) + sum(map(len, request.documents)) <= INLINE_CHARS:
            pairs = self._engine.pair(*given)
        else:
            pairs = await asyncio.to_thread(self._engine.pair, *given)
        rows = await self._batcher.submit(pairs)
        truncated = tuple(number for number, pair in enumerate(pairs) if pair.cut)
        return Reranking(tuple(float(row[0]) for row in rows), sum(map(len, pairs)), truncated)

    async def check_health(self) -> None:
        """Raises EngineError when the engine cannot compute any more."""
        await self._replica.note_memory()
        if not self._batcher.running:  # a batch on its way is proof enough, and would only be delayed
            await self._batcher.submit(self._engine.pair("healthy", ("yes",), None))

    def stats(self) -> ReplicaStats:
        """``running`` and ``queued`` count documents; one batch runs at a time."""
        return self._replica.stats(1, self._batcher.running, self._batcher.queued)

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_batcher"):
            self._batcher.close()
            self._engine.close()


def _check(request: RerankRequest) -> None:
    if not request.query.strip():
        raise BadInput("There is no question to rank the documents by: 'query' is empty.").about("query")
    if not request.documents:
        raise BadInput("There is nothing to rank: 'documents' is empty; send one or more.").about("documents")
    if request.document_tokens is not None and request.document_tokens < 1:
        raise BadInput(f"At least one token of each document has to be read, not {request.document_tokens}.").about("max_tokens_per_doc")

"""Texts to vectors: the deployment of every embedding model, whatever engine it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster.contracts.perception import EmbeddingRequest, Embeddings, TokenSpans, TokenSpansRequest
from cluster.contracts.serving import ReplicaSpec, ReplicaStats, Retuning
from cluster.errors import BadInput
from deployments.batching import Batcher
from deployments.engines.protocols import EmbeddingEngine
from deployments.replica import Replica
from deployments.standing_back import BEHIND, NICENESS, stand_back

# Tokenising this much takes about a millisecond; more of it goes to a thread, so that other requests are not kept waiting.
INLINE_CHARS = 4096


class Embedding:
    """One replica."""

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._planned = self._replica.spec
        self._engine: EmbeddingEngine = self._replica.engine
        self._batcher = self._lanes(NICENESS)
        # An engine that takes one call at a time has one row of waiting people for all, who take turns.
        self._behind = self._batcher if self._engine.lanes is None else self._lanes(BEHIND)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="behind", initializer=stand_back, initargs=(BEHIND,))

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Vectors in the order of the inputs; requests that arrive together are computed together, and those that stand ``behind``
        apart from the others, at a lower priority.

        Raises BadInput (no inputs, impossible ``dimensions``), ContextLengthExceeded, Unprocessable or EngineError.
        """
        self._check(request)
        if sum(map(len, request.inputs)) <= INLINE_CHARS:
            sequences = self._engine.tokenize(request.inputs, request.truncate)
        else:
            aside = self._aside if request.behind else None
            tokenize = partial(self._engine.tokenize, request.inputs, request.truncate)
            sequences = await asyncio.get_running_loop().run_in_executor(aside, tokenize)
        vectors = await (self._behind if request.behind else self._batcher).submit(sequences)
        if request.dimensions is not None and request.dimensions < self._engine.dimensions:
            vectors = _shorten(vectors, request.dimensions)
        return Embeddings(vectors, sum(map(len, sequences)), self._engine.variant)

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        """Where the tokens of a text lie."""
        return await asyncio.to_thread(self._engine.spans, request.text)

    async def reconfigure(self, retuning: Retuning | Mapping[str, Any]) -> None:
        """Called by Serve with the ``user_config`` of the deployment: the next batch is as it says."""
        self._replica.spec = Retuning.model_validate(retuning).of(self._planned)
        for batcher in {self._batcher, self._behind}:
            batcher.max_tokens = self._batch_tokens

    async def check_health(self) -> None:
        """Raises EngineError when the engine cannot compute any more."""
        await self._replica.note_memory()
        if not self._batcher.running:  # a batch on its way is proof enough, and would only be delayed
            await self._batcher.submit(self._engine.tokenize(("healthy",), False))

    def stats(self) -> ReplicaStats:
        """``running`` and ``queued`` count texts; the slots are batches that run at a time, those that stand behind not counted."""
        both = {self._batcher, self._behind}
        return self._replica.stats(self._batcher.lanes, sum(one.running for one in both), sum(one.queued for one in both))

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_aside"):
            self._batcher.close()
            self._behind.close()
            self._aside.shutdown()
            self._engine.close()

    @property
    def _batch_tokens(self) -> int:
        return self._replica.spec.batch_tokens or self._engine.batch_tokens

    def _lanes(self, niceness: int) -> Batcher[list[int]]:
        engine = self._engine
        return Batcher(engine.embed, self._batch_tokens, partial(stand_back, niceness), engine.lanes or 1)

    def _check(self, request: EmbeddingRequest) -> None:
        if not request.inputs:
            raise BadInput("There is nothing to embed: 'input' is empty; send one text or more.")
        wanted, own = request.dimensions, self._engine.dimensions
        if wanted is None or wanted == own:
            return
        if not self._engine.matryoshka:
            raise BadInput(f"Model '{request.model}' gives vectors of {own} dimensions only; leave 'dimensions' out, or ask for {own}.")
        if not 1 <= wanted < own:
            raise BadInput(f"Model '{request.model}' gives vectors of 1 to {own} dimensions, not {wanted}.")


def _shorten(vectors: npt.NDArray[np.float32], dimensions: int) -> npt.NDArray[np.float32]:
    leading = vectors[:, :dimensions]
    return np.asarray(leading / np.linalg.norm(leading, axis=1, keepdims=True), dtype=np.float32)

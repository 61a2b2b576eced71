"""An embedding request, carried out."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from api.embeddings.schemas import EmbeddingAnswer, EmbeddingBody, EmbeddingItem, EmbeddingUsage
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.generation import Usage
from cluster.contracts.models import ModelKind
from cluster.contracts.perception import EmbeddingRequest
from cluster.errors import BadInput
from cluster.specs.prices import Consumption


class TextEmbeddings:
    def __init__(self, parts: Parts, exchange: Exchange) -> None:
        self._parts = parts
        self._exchange = exchange

    async def answer(self, body: EmbeddingBody) -> EmbeddingAnswer:
        self._check(body)
        status = await self._parts.gateway.resolve(body.model, ModelKind.EMBEDDING)
        self._exchange.serves(status)
        found = await self._parts.gateway.embed(
            EmbeddingRequest(status.id, _inputs(body), body.dimensions, request_id=self._exchange.request_id)
        )
        self._exchange.usage = Usage(prompt_tokens=found.prompt_tokens)
        self._parts.metrics.count_usage(status.id, self._exchange.usage)
        self._exchange.spent.append((status.id, Consumption(found.prompt_tokens)))
        vectors = _encoded(found.vectors) if body.encoding_format == "base64" else found.vectors.tolist()
        return EmbeddingAnswer(
            data=[EmbeddingItem(index=index, embedding=vector) for index, vector in enumerate(vectors)],
            model=body.model,
            usage=EmbeddingUsage(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens),
            variant=found.variant,
        )

    def _check(self, body: EmbeddingBody) -> None:
        limits = self._parts.settings.limits
        if len(body.input) > limits.embedding_inputs:
            raise BadInput(
                f"'input' holds {len(body.input)} texts, at most {limits.embedding_inputs} are taken (setting limits.embedding_inputs); "
                "send several requests."
            ).about("input")
        for index, text in enumerate(body.input):
            if len(text) > limits.text_chars:
                raise BadInput(
                    f"'input.{index}' has {len(text)} characters, at most {limits.text_chars} are taken (limits.text_chars); split it."
                ).about(f"input.{index}")


def _inputs(body: EmbeddingBody) -> tuple[str, ...] | tuple[tuple[int, ...], ...]:
    texts = tuple(item for item in body.input if isinstance(item, str))
    return texts or tuple(tuple(item) for item in body.input if not isinstance(item, str))


def _encoded(vectors: npt.NDArray[np.float32]) -> list[str]:
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]

"""A rerank request, carried out."""

from __future__ import annotations

from api.rerank.schemas import RerankAnswer, RerankBody, RerankDocument, RerankResult, RerankUsage
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.generation import Usage
from cluster.contracts.models import ModelKind
from cluster.contracts.retrieval import RerankRequest
from cluster.errors import BadInput
from cluster.specs.prices import Consumption


class Reranking:
    def __init__(self, parts: Parts, exchange: Exchange) -> None:
        self._parts = parts
        self._exchange = exchange

    async def answer(self, body: RerankBody) -> RerankAnswer:
        texts = tuple(one if isinstance(one, str) else one.text for one in body.documents)
        self._check(body.query, texts)
        status = await self._parts.gateway.resolve(body.model, ModelKind.RERANKER)
        self._exchange.serves(status)
        request = RerankRequest(status.id, body.query, texts, body.max_tokens_per_doc, request_id=self._exchange.request_id)
        found = await self._parts.gateway.rerank(request)
        self._exchange.usage = Usage(prompt_tokens=found.prompt_tokens)
        self._parts.metrics.count_usage(status.id, self._exchange.usage)
        self._exchange.spent.append((status.id, Consumption(found.prompt_tokens)))
        best = sorted(range(len(texts)), key=lambda index: -found.scores[index])[: body.top_n]
        return RerankAnswer(
            id=f"rerank-{self._exchange.request_id}",
            model=body.model,
            results=[
                RerankResult(
                    index=index,
                    relevance_score=found.scores[index],
                    document=RerankDocument(text=texts[index]) if body.return_documents else None,
                )
                for index in best
            ],
            usage=RerankUsage(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens),
            truncated=list(found.truncated),
        )

    def _check(self, query: str, texts: tuple[str, ...]) -> None:
        limits = self._parts.settings.limits
        if not query.strip():
            raise BadInput("'query' holds nothing but white space; write what the documents are to answer.").about("query")
        if len(texts) > limits.rerank_documents:
            raise BadInput(
                f"'documents' holds {len(texts)} texts, at most {limits.rerank_documents} are taken (setting limits.rerank_documents); "
                "send the best of them."
            ).about("documents")
        for field, text in (("query", query), *((f"documents.{index}", text) for index, text in enumerate(texts))):
            if len(text) > limits.text_chars:
                raise BadInput(
                    f"'{field}' has {len(text)} characters, at most {limits.text_chars} are taken (limits.text_chars); split it."
                ).about(field)

"""The best hits, read together with the question by a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.contracts.models import ModelKind
from cluster.contracts.retrieval import PartScore, RerankRequest
from cluster.errors import ModelNotFound, Unavailable
from cluster.gateway import ModelGateway
from cluster.retrieval.passages import Passage
from cluster.retrieval.question import ANSWERS
from cluster.specs.retrieval import RerankSpec


@dataclass(frozen=True, slots=True)
class Read:
    """``note``: why they are as they were."""

    passages: list[Passage]
    note: str | None = None
    spent: tuple[tuple[str, int], ...] = ()


async def read_again(
    gateway: ModelGateway, spec: RerankSpec, question: str, passages: Sequence[Passage], most: int, request_id: str = ""
) -> Read:
    """The passages in the reranker's order, less those it found too little in, or was not given: it is given at least ``most``. Without a
    reranker that answers they stay as they are, and a note says why: what was found without it is worth more than an error."""
    chosen = list(passages[: max(spec.candidates, most)])
    if not chosen:
        return Read(chosen)
    try:
        status = await gateway.resolve(spec.model, ModelKind.RERANKER)
        if status.state not in ANSWERS:
            return Read(list(passages), f"Not read again: '{spec.model}' is {status.state.value}. {status.reason}")
        texts = tuple(passage.chunk.text for passage in chosen)
        found = await gateway.rerank(RerankRequest(spec.model, question, texts, spec.document_tokens, request_id))
    except (ModelNotFound, Unavailable) as error:
        return Read(list(passages), f"Not read again: {error.message}")
    order = sorted(range(len(chosen)), key=lambda at: -found.scores[at])
    ranked = [_scored(chosen[at], found.scores[at], rank) for rank, at in enumerate(order, start=1)]
    least = spec.minimum
    return Read([one for one in ranked if least is None or one.score >= least], None, ((spec.model, found.prompt_tokens),))


def _scored(passage: Passage, score: float, rank: int) -> Passage:
    parts = (*passage.parts, PartScore("rerank", score, rank))
    return replace(passage, score=score, parts=parts, reason=f"{passage.reason} Read with the question: rank {rank} ({score:.3f}).")

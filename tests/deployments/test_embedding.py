from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster.contracts.perception import EmbeddingRequest, TokenSpansRequest
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, ContextLengthExceeded, Unprocessable
from deployments.embedding import Embedding
from deployments.standing_back import BEHIND

SENTENCES = (
    "A cat is sleeping on the sofa.",
    "The kitten naps on the couch.",
    "Interest rates were raised by the central bank.",
    "The moon landing took place in 1969.",
)
LONG = "word " * 300


def request(*inputs: object, **others: object) -> EmbeddingRequest:
    return EmbeddingRequest("minilm", inputs, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def embedding(minilm: Callable[..., ReplicaSpec]) -> Embedding:
    return Embedding(minilm().model_dump(mode="json"))


async def test_vectors_have_unit_length_and_mean_something(embedding: Embedding) -> None:
    found = await embedding.embed(request(*SENTENCES))
    assert found.vectors.shape == (4, 384)
    assert found.vectors.dtype == np.float32
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
    likeness = found.vectors @ found.vectors.T
    assert likeness[0].argsort()[-2] == 1
    assert likeness[0, 1] > 0.5 > likeness[0, 2]


async def test_many_at_once_get_what_each_would_get_alone(embedding: Embedding) -> None:
    texts = [f"{sentence} Number {number}, {'and so on, ' * (number % 7)}" for number in range(16) for sentence in SENTENCES]
    together = await asyncio.gather(*(embedding.embed(request(text)) for text in texts))
    alone = [await embedding.embed(request(text)) for text in texts]
    cosines = [float(a.vectors[0] @ b.vectors[0]) for a, b in zip(together, alone, strict=True)]
    assert min(cosines) > 0.9999


async def test_token_counts_are_the_tokenizers_special_tokens_included(embedding: Embedding) -> None:
    assert (await embedding.embed(request("hello world"))).prompt_tokens == 4
    assert (await embedding.embed(request("hello world", "hello"))).prompt_tokens == 7


async def test_token_ids_mean_the_same_as_their_text(embedding: Embedding) -> None:
    by_text = await embedding.embed(request("hello world"))
    for ids in ((7592, 2088), (101, 7592, 2088, 102)):
        by_ids = await embedding.embed(request(ids))
        assert by_ids.prompt_tokens == 4
        assert float(by_ids.vectors[0] @ by_text.vectors[0]) > 0.999


async def test_an_unknown_token_id_is_unprocessable(embedding: Embedding) -> None:
    for wrong in (40_000, -1, 2**70):
        with pytest.raises(Unprocessable, match=f"token id {wrong}, but model 'minilm' knows 0 to 30521"):
            await embedding.embed(request((101, wrong)))


async def test_an_over_long_text_is_refused_with_counts_unless_it_may_be_cut(embedding: Embedding) -> None:
    with pytest.raises(ContextLengthExceeded, match=r'Input 2 has 302 tokens, .* at most 256; .* "truncate": true'):
        await embedding.embed(request("short", LONG))
    cut = await embedding.embed(request(LONG, truncate=True))
    assert cut.prompt_tokens == 256


async def test_an_empty_text_has_a_vector_and_no_text_at_all_is_refused(embedding: Embedding) -> None:
    assert (await embedding.embed(request(""))).vectors.shape == (1, 384)
    with pytest.raises(BadInput, match="nothing to embed"):
        await embedding.embed(request())


async def test_fewer_dimensions_are_refused_where_the_model_was_not_trained_for_them(embedding: Embedding) -> None:
    with pytest.raises(BadInput, match="384 dimensions only"):
        await embedding.embed(request("hello", dimensions=128))
    assert (await embedding.embed(request("hello", dimensions=384))).vectors.shape == (1, 384)


async def test_a_replica_says_what_it_uses(embedding: Embedding) -> None:
    await embedding.check_health()
    stats = embedding.stats()
    assert (stats.running, stats.queued) == (0, 0)
    assert stats.memory_bytes > 50 * 2**20


def niceness() -> Counter[int]:
    """How many threads of this process there are of each."""
    return Counter(os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir())


async def test_what_stands_behind_gets_the_same_vectors_from_lanes_of_its_own_at_a_lower_priority(
    minilm: Callable[..., ReplicaSpec],
) -> None:
    own = Embedding(minilm(threads=2))
    texts = [f"{LONG[:900]} {number}" for number in range(6)]
    first = await own.embed(request(*texts, truncate=True))
    before = niceness()
    second = await own.embed(request(*texts, truncate=True, behind=True))
    assert np.array_equal(first.vectors, second.vectors)
    assert set(niceness() - before) == {max(BEHIND, os.getpriority(os.PRIO_PROCESS, 0))}
    assert own.stats().slots == 2


async def test_an_engine_that_takes_one_call_at_a_time_gets_one_at_a_time(torch_embedding: Embedding) -> None:
    both = await asyncio.gather(torch_embedding.embed(request("a")), torch_embedding.embed(request("a", behind=True)))
    assert both[0].vectors == pytest.approx(both[1].vectors, abs=1e-6)
    assert torch_embedding.stats().slots == 1


@pytest.fixture(scope="module")
def torch_embedding(minilm_torch: Callable[..., ReplicaSpec]) -> Embedding:
    return Embedding(minilm_torch(capabilities=("matryoshka",)))


async def test_both_engines_agree(embedding: Embedding, torch_embedding: Embedding) -> None:
    quantised, exact = [await one.embed(request(*SENTENCES)) for one in (embedding, torch_embedding)]
    assert (quantised.vectors * exact.vectors).sum(axis=1).min() > 0.98
    assert quantised.prompt_tokens == exact.prompt_tokens
    assert (quantised.variant, exact.variant) == ("onnx-int8-static", "torch-float32")


async def test_tokens_are_told_where_they_lie_in_the_text(embedding: Embedding, torch_embedding: Embedding) -> None:
    text = "Höfe, hello  🐐 world"
    told, same = [await one.token_spans(TokenSpansRequest("minilm", text)) for one in (embedding, torch_embedding)]
    pieces = [text[start:end] for start, end in told.spans.tolist()]
    assert "hello" in pieces
    assert "".join(pieces) == text.replace(" ", "")
    assert told.most == 254
    assert same.spans.tolist() == told.spans.tolist()


async def test_a_matryoshka_model_gives_shorter_unit_vectors(torch_embedding: Embedding) -> None:
    whole, short = [await torch_embedding.embed(request("hello", dimensions=size)) for size in (None, 64)]
    assert short.vectors.shape == (1, 64)
    assert np.linalg.norm(short.vectors) == pytest.approx(1.0, abs=1e-3)
    assert float(short.vectors[0] @ whole.vectors[0, :64]) > 0
    for impossible in (0, 385):
        with pytest.raises(BadInput, match="1 to 384 dimensions"):
            await torch_embedding.embed(request("hello", dimensions=impossible))

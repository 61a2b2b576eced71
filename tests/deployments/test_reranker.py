from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, ConfigError, ContextLengthExceeded
from deployments.engines.cross_encoder import load
from deployments.reranker import Reranker

SpecFactory = Callable[..., ReplicaSpec]
DOCUMENTS = ("the moon and the tide", "an oven for bread", "goats graze on the hill", "the clock does chime")
LONG = "where " * 300


def request(query: str, *documents: str, **others: object) -> RerankRequest:
    return RerankRequest("tiny-reranker", query, documents, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reranker(tiny_reranker: SpecFactory) -> Reranker:
    return Reranker(tiny_reranker().model_dump(mode="json"))


def best(found: Reranking) -> int:
    return found.scores.index(max(found.scores))


@pytest.mark.parametrize(
    ("query", "answer"), [("what do kids climb", 2), ("when is the ebb", 0), ("how to bake dough", 1), ("which bell", 3)]
)
async def test_the_document_that_answers_scores_highest(reranker: Reranker, query: str, answer: int) -> None:
    found = await reranker.rerank(request(query, *DOCUMENTS))
    assert best(found) == answer
    assert found.scores[answer] > 0.9
    assert sorted(found.scores)[-2] < 0.1


async def test_many_at_once_get_what_each_would_get_alone(reranker: Reranker) -> None:
    queries = [f"{'the ' * (number % 9)}goat" for number in range(20)]
    together = await asyncio.gather(*(reranker.rerank(request(query, *DOCUMENTS)) for query in queries))
    alone = [await reranker.rerank(request(query, *DOCUMENTS)) for query in queries]
    for one, other in zip(together, alone, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


async def test_tokens_are_those_read_special_ones_included(reranker: Reranker) -> None:
    assert (await reranker.rerank(request("goat hill", "the tide"))).prompt_tokens == 2 + 2 + 3
    assert (await reranker.rerank(request("goat", "the tide", "bread"))).prompt_tokens == (1 + 2 + 3) + (1 + 1 + 3)


async def test_a_long_document_is_read_as_far_as_it_goes_and_named(reranker: Reranker) -> None:
    found = await reranker.rerank(request("goat", "goats graze", LONG, "goat " + LONG))
    assert found.truncated == (1, 2)
    assert best(found) in {0, 2}
    short = await reranker.rerank(request("goat", "the tide the moon", document_tokens=1))
    assert (short.truncated, short.prompt_tokens) == ((0,), 5)


async def test_a_question_longer_than_half_of_what_is_read_is_refused(reranker: Reranker) -> None:
    with pytest.raises(ContextLengthExceeded, match=r"question has 300 tokens, .* reads 64"):
        await reranker.rerank(request(LONG, "goats"))


async def test_what_cannot_be_ranked_is_refused_saying_why(reranker: Reranker) -> None:
    for wrong, why in (
        (request(" ", "goats"), "'query' is empty"),
        (request("goats"), "'documents' is empty"),
        (request("goats", "hills", document_tokens=0), "At least one token"),
        (request("goats", "\ud800"), "not valid Unicode"),
    ):
        with pytest.raises(BadInput, match=why):
            await reranker.rerank(wrong)


async def test_a_replica_says_that_it_lives(reranker: Reranker) -> None:
    await reranker.check_health()
    assert (reranker.stats().running, reranker.stats().queued) == (0, 0)


@pytest.fixture
def copied(tiny_reranker: SpecFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_reranker().path, tmp_path / "copy"))


def test_weights_without_a_head_are_refused_instead_of_scoring_at_random(tiny_reranker: SpecFactory, copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if "classifier" not in name}, copied / "model.safetensors")
    with pytest.raises(ConfigError, match="not a whole reranker: its weights lack classifier"):
        load(tiny_reranker(path=copied))


def test_a_classifier_of_several_labels_is_no_reranker(tiny_reranker: SpecFactory, copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config |= {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}}
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="reranker"):
        load(tiny_reranker(path=copied))


def test_a_folder_without_a_model_is_named(tiny_reranker: SpecFactory, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded as a reranker"):
        load(tiny_reranker(path=tmp_path))

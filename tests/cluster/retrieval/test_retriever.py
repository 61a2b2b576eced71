"""Retrieval over a real index, with models that need no weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.retrieval import Filters, Point, Space, Span
from cluster.errors import BadInput, NotFound, Unavailable
from cluster.fakes.gateway import ONE_OF_EACH, FakeGateway, fake_model
from cluster.retrieval.passages import Found, Place
from cluster.retrieval.retriever import Retriever
from cluster.vectors import VectorStore
from tests.api.fixtures.index import index
from tests.cluster.retrieval.library import MODEL, OURS, THEIRS, piece, place, shelve, spec

GOATS = piece("goats.pdf", 0, "Goats climb steep hills at dawn.", page=2, heading_path=("Animals",), tags=("farm",))
WOOL = piece("wool.md", 0, "Wool is spun after shearing.", collection="crafts", attributes={"year": 2020})
TIDES = piece("tides.txt", 0, "The tide follows the moon.")
WORDS = spec(mode="sparse")


@pytest.fixture
def vectors() -> Iterator[VectorStore]:
    with index() as found:
        yield found


def texts(found: Found) -> list[str]:
    return [passage.text for passage in found.passages]


async def test_a_passage_has_everything_that_a_citation_needs(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, WOOL, TIDES)
    (passage,) = (await Retriever(FakeGateway(), vectors).find(OURS, "Which goats climb?", place(space), WORDS)).passages
    assert passage.chunk == GOATS
    assert (passage.text, passage.span, passage.page, passage.path) == (GOATS.text, Span(0, 32), 2, "goats.pdf")
    assert [part.part for part in passage.parts] == ["sparse"]
    assert passage.reason.startswith("Found by words (rank 1, ")


async def test_both_parts_are_asked_and_the_model_is_paid(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, TIDES)
    found = await Retriever(FakeGateway(), vectors).find(OURS, GOATS.text, place(space), spec())
    assert found.passages[0].chunk == GOATS
    assert [(part.part, part.rank) for part in found.passages[0].parts] == [("dense", 1), ("sparse", 1)]
    assert found.spent == ((MODEL, 6),)
    assert found.notes == ()


async def test_only_named_collections_are_searched_and_one_without_content_gives_nothing(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, WOOL)
    retriever = Retriever(FakeGateway(), vectors)
    assert texts(await retriever.find(OURS, "wool goats", place(space), WORDS)) == [GOATS.text]
    both = [*place(space), Place("crafts", space), Place("empty", None)]
    assert set(texts(await retriever.find(OURS, "wool goats", both, WORDS))) == {GOATS.text, WOOL.text}
    assert (await retriever.find(OURS, "wool goats", place(None), spec())).passages == ()
    assert (await retriever.find(OURS, "wool", place(Space(MODEL, "never written", 8)), WORDS)).passages == ()


async def test_filters_narrow_and_never_widen(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, WOOL, TIDES)
    retriever = Retriever(FakeGateway(), vectors)
    everywhere = [*place(space), Place("crafts", space)]

    async def with_only(filters: Filters) -> set[str]:
        return set(texts(await retriever.find(OURS, "goats wool tide", everywhere, WORDS, filters=filters)))

    assert await with_only(Filters(tags=("farm",))) == {GOATS.text}
    assert await with_only(Filters(attributes={"year": (2020,)})) == {WOOL.text}
    assert await with_only(Filters(documents=("tides.txt",))) == {TIDES.text}
    assert await with_only(Filters(kinds=("image",))) == set()
    assert await with_only(Filters(collections=("crafts", "elsewhere"))) == {WOOL.text}


async def test_another_organisation_s_chunks_never_appear(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS)
    await shelve(vectors, piece("secret", 0, "Goats climb in secret.", THEIRS))
    retriever = Retriever(FakeGateway(), vectors)
    for settings in (WORDS, spec(), spec(mode="dense")):
        assert texts(await retriever.find(OURS, "goats climb", place(space), settings)) == [GOATS.text]
        assert texts(await retriever.find(OURS, "goats climb", place(space), settings, filters=Filters(documents=("secret",)))) == []


async def test_a_document_that_is_gone_is_found_nowhere(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, piece("gone", 0, "Goats climb no more."))

    async def paths(documents: Sequence[str]) -> Mapping[str, str]:
        return {document: f"library/{document}" for document in documents if document != "gone"}

    found = await Retriever(FakeGateway(), vectors).find(OURS, "goats climb", place(space), WORDS, paths=paths)
    assert [passage.path for passage in found.passages] == ["library/goats.pdf"]


async def test_hits_that_say_the_same_become_one_that_tells_of_the_others(vectors: VectorStore) -> None:
    copy = piece("copy.pdf", 4, "goats climb steep hills, at dawn!")
    space = await shelve(vectors, GOATS, copy, TIDES)
    retriever = Retriever(FakeGateway(), vectors)
    (passage,) = (await retriever.find(OURS, "goats climb", place(space), WORDS)).passages
    assert {passage.chunk.document, *(chunk.document for chunk in passage.repeats)} == {"goats.pdf", "copy.pdf"}
    assert passage.reason.endswith("Stands for 1 more hit that shows the same.")
    assert len((await retriever.find(OURS, "goats climb", place(space), spec(mode="sparse", fold=None))).passages) == 2


async def test_a_hit_is_shown_with_its_parent_once(vectors: VectorStore) -> None:
    whole = "Goats climb steep hills. Goats sleep in barns."
    children = [
        piece("goats.pdf", 1, whole[:24], parent=0, page=2, span=Span(100, 124)),
        piece("goats.pdf", 2, whole[25:], parent=0, page=3, span=Span(125, 146)),
    ]
    space = await shelve(vectors, *children)
    parent = piece("goats.pdf", 0, whole, page=2, span=Span(100, 146))
    await vectors.upsert(OURS, space, [Point(parent, None, keywords=False)])
    retriever = Retriever(FakeGateway(), vectors)
    (passage,) = (await retriever.find(OURS, "goats sleep in barns", place(space), WORDS)).passages
    assert passage.chunk == children[1]
    assert (passage.text, passage.span, passage.page) == (whole, Span(100, 146), 2)
    assert [chunk.number for chunk in passage.repeats] == [1]
    assert "Shown with the section around it." in passage.reason
    plain = await retriever.find(OURS, "goats sleep in barns", place(space), spec(mode="sparse", parents=False))
    assert texts(plain) == [children[1].text, children[0].text]


async def test_reading_again_changes_the_order_and_says_so(vectors: VectorStore) -> None:
    short = piece("short", 0, "goats goats goats")
    space = await shelve(vectors, short, piece("long", 0, "At dawn all the goats of the village climb."))
    question = "goats climb dawn"
    retriever = Retriever(FakeGateway(), vectors)
    settings = spec(mode="sparse", rerank={"model": "fake-reranker"})
    found = await retriever.find(OURS, question, place(space), settings)
    assert [passage.chunk.document for passage in found.passages] == ["long", "short"]
    assert found.passages[0].score == pytest.approx(2 / 3)
    assert found.passages[0].parts[-1].part == "rerank"
    assert found.passages[0].reason.endswith("Read with the question: rank 1 (0.667).")
    assert dict(found.spent)["fake-reranker"] > 0
    strict = spec(mode="sparse", rerank={"model": "fake-reranker", "minimum": 0.5})
    assert len((await retriever.find(OURS, question, place(space), strict)).passages) == 1


async def test_without_its_reranker_a_search_goes_on_and_notes_why(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS)
    missing = fake_model("fake-reranker", ModelKind.RERANKER, state=ModelState.NOT_PULLED)
    served = tuple(model for model in ONE_OF_EACH if model.kind is not ModelKind.RERANKER)
    busy = FakeGateway(failures={"fake-reranker": Unavailable("It is being loaded; retry in 7 s.")})
    settings = spec(mode="sparse", rerank={"model": "fake-reranker"})
    for gateway, why in (
        (FakeGateway(served), "There is no reranker model"),
        (FakeGateway((*served, missing)), "not_pulled"),
        (busy, "7 s"),
    ):
        found = await Retriever(gateway, vectors).find(OURS, "goats climb", place(space), settings)
        assert texts(found) == [GOATS.text]
        assert why in found.notes[0]


async def test_indexes_of_several_models_are_fused_by_rank(vectors: VectorStore) -> None:
    gateway = FakeGateway((*ONE_OF_EACH, fake_model("other-embedder", ModelKind.EMBEDDING)))
    one = await shelve(vectors, GOATS, piece("goats.pdf", 1, "The goat sleeps."))
    other = await shelve(vectors, WOOL, gateway=gateway, model="other-embedder")
    found = await Retriever(gateway, vectors).find(OURS, "wool of a goat", [*place(one), Place("crafts", other)], WORDS)
    assert [passage.score for passage in found.passages] == pytest.approx([1 / 61, 1 / 61, 1 / 62])
    assert {passage.text for passage in found.passages[:2]} > {WOOL.text}


async def test_an_index_of_images_is_asked_with_the_model_of_images(vectors: VectorStore) -> None:
    gateway = FakeGateway()
    space = await shelve(vectors, piece("photo.png", 0, "goats", kind="image"), model="fake-clip", gateway=gateway)
    found = await Retriever(gateway, vectors).find(OURS, "goats", place(space), spec(mode="dense"))
    assert [passage.chunk.kind for passage in found.passages] == ["image"]
    assert type(gateway.asked[-1]).__name__ == "ImageEmbeddingRequest"


async def test_without_the_model_of_its_vectors_words_are_searched_or_the_reason_is_said(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS)
    others = FakeGateway(tuple(model for model in ONE_OF_EACH if model.id != MODEL))
    found = await Retriever(others, vectors).find(OURS, "goats climb", place(space), spec())
    assert texts(found) == [GOATS.text]
    assert "by words only" in found.notes[0]
    with pytest.raises(NotFound, match="by meaning is not possible"):
        await Retriever(others, vectors).find(OURS, "goats climb", place(space), spec(mode="dense"))
    changed = dataclasses.replace(space, variant="int4")
    await vectors.upsert(OURS, changed, [Point(GOATS, np.ones(space.dimensions, np.float32))])
    again = await Retriever(FakeGateway(), vectors).find(OURS, "goats climb", place(changed), spec())
    assert "ingest it again" in again.notes[0]


async def test_a_minimum_leaves_out_what_is_too_unlike(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS, TIDES)
    found = await Retriever(FakeGateway(), vectors).find(OURS, GOATS.text, place(space), spec(mode="dense", dense_minimum=0.99))
    assert texts(found) == [GOATS.text]


async def test_a_limit_counts_passages_and_not_what_they_stand_for(vectors: VectorStore) -> None:
    copies = [piece(f"copy-{number}", 0, GOATS.text) for number in range(5)]
    space = await shelve(vectors, *copies, piece("other", 0, "Some goats climb trees."))
    found = await Retriever(FakeGateway(), vectors).find(OURS, "goats climb", place(space), WORDS, limit=2)
    assert sorted(texts(found)) == ["Goats climb steep hills at dawn.", "Some goats climb trees."]


async def test_a_question_is_cut_to_its_end_and_an_empty_one_refused(vectors: VectorStore) -> None:
    space = await shelve(vectors, GOATS)
    retriever = Retriever(FakeGateway(), vectors)
    found = await retriever.find(OURS, "tide " * 1000 + "goats", place(space), spec(mode="sparse", question_chars=16))
    assert texts(found) == [GOATS.text]
    assert "last 16 characters" in found.notes[0]
    with pytest.raises(BadInput, match="nothing but white space"):
        await retriever.find(OURS, " \n", place(space), WORDS)

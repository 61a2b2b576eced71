"""The index as its callers have it: ours, on disk by Qdrant Edge, and one on a Qdrant server, for which its client stands in."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from cluster.contracts.retrieval import Diversity, Filters, Point, SearchQuery, Space, Span, Thresholds
from cluster.errors import BadInput, NotFound, TooLarge, Unavailable
from cluster.serving.vectors import VectorsArgs
from cluster.settings import VectorSettings
from cluster.vectors import VectorStore
from deployments.vectors import Vectors
from deployments.vectors_remote import RemoteVectors
from tests.deployments.fixtures.knowledge import OURS, SPACE, THEIRS, chunk, numbered, point, vector_of

# What the client that stands in for a server says it does without.
WARNINGS = ("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")
pytestmark = [pytest.mark.filterwarnings(one) for one in WARNINGS]
Opened = Callable[..., Vectors]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """``opened(setting=...)``: the index of one home, as often as it is closed again."""
    made: list[Vectors] = []

    def open_again(**settings: object) -> Vectors:
        chosen = VectorSettings.model_validate({"lock_wait_s": 0.2, **settings})
        made.append(Vectors(VectorsArgs(folder=str(tmp_path / "vectors"), settings=chosen).model_dump(mode="json")))
        return made[-1]

    yield open_again
    for vectors in made:
        vectors.close()


@pytest.fixture(params=["ours", "server"])
async def store(opened: Opened, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[VectorStore]:
    """Empty."""
    if request.param == "ours":
        yield opened()
        return
    args = VectorsArgs(folder=str(tmp_path), settings=VectorSettings(server_url="http://127.0.0.1:6333"))
    remote = RemoteVectors(args.model_dump(mode="json"), lambda _settings: AsyncQdrantClient(":memory:"))
    yield remote
    await remote.close()


@pytest.fixture
async def library(store: VectorStore) -> VectorStore:
    goats = [
        point(
            "goats.pdf",
            0,
            "Goats climb steep hills at dawn.",
            "goats",
            page=1,
            heading_path=("Animals", "Goats"),
            tags=("farm",),
            turns=((7, 2),),
        ),
        point("goats.pdf", 1, "The goat ERR-4042 error means that the gate is open.", "goats", 0.5, page=2, attributes={"year": 1999}),
    ]
    others = [
        point("wool.md", 0, "Wool is spun after shearing.", "wool", collection="crafts", attributes={"year": 2020, "draft": True}),
        point("tides.txt", 0, "The tide follows the moon.", "tides", tags=("sea", "moon")),
        point("clocks.txt", 0, "Cafés close when the clock strikes ten.", "clocks"),
    ]
    await store.upsert(OURS, SPACE, [*goats, *others])
    return store


def asking(mode: str, subject: str | None = None, text: str = "", **others: object) -> SearchQuery:
    return SearchQuery(mode, None if subject is None else vector_of(subject), text, **others)  # type: ignore[arg-type]


async def names(vectors: VectorStore, query: SearchQuery, organisation: str = OURS) -> list[str]:
    return [f"{hit.chunk.document}/{hit.chunk.number}" for hit in await vectors.search(organisation, SPACE, query)]


async def test_a_search_by_meaning_gives_the_nearest_with_everything_a_citation_needs(library: VectorStore) -> None:
    best, second, *_ = await library.search(OURS, SPACE, asking("dense", "goats"))
    assert best.chunk == chunk(
        "goats.pdf",
        0,
        "Goats climb steep hills at dawn.",
        page=1,
        heading_path=("Animals", "Goats"),
        tags=("farm",),
        span=Span(0, 32),
        turns=((7, 2),),
    )
    assert best.score == pytest.approx(1.0)
    assert second.chunk.number == 1
    assert second.score == pytest.approx(1 / np.sqrt(1.25))
    assert best.parts[0].part == "dense"
    assert best.reason == "Found by meaning (rank 1, 1.000)."


@pytest.mark.parametrize(
    ("text", "found"), [("climbing a hill", "goats.pdf/0"), ("error err-4042", "goats.pdf/1"), ("cafe", "clocks.txt/0")]
)
async def test_a_search_by_words_knows_their_forms_numbers_and_accents(library: VectorStore, text: str, found: str) -> None:
    assert (await names(library, asking("sparse", text=text)))[0] == found


async def test_words_that_stand_nowhere_and_stop_words_find_nothing(library: VectorStore) -> None:
    assert await names(library, asking("sparse", text="zeppelin")) == []
    assert await names(library, asking("sparse", text="the of and")) == []


async def test_a_hybrid_hit_shows_what_each_part_said_and_their_ranks_add_up(library: VectorStore) -> None:
    best, *rest = await library.search(OURS, SPACE, asking("hybrid", "goats", "gate error"))
    assert (best.chunk.document, best.chunk.number) == ("goats.pdf", 1)
    assert [(part.part, part.rank) for part in best.parts] == [("dense", 2), ("sparse", 1)]
    assert best.score == pytest.approx(1 / 62 + 1 / 61)
    assert "meaning (rank 2" in best.reason
    assert "words (rank 1" in best.reason
    assert rest[0].parts[0].rank == 1
    assert [hit.score for hit in rest] == sorted((hit.score for hit in rest), reverse=True)


async def test_a_weight_turns_a_hybrid_search_towards_one_part(library: VectorStore) -> None:
    by_meaning = asking("hybrid", "tides", "shearing", rrf_k=1, sparse_weight=0.1)
    by_words = asking("hybrid", "tides", "shearing", rrf_k=1, dense_weight=0.1)
    assert (await names(library, by_meaning))[0] == "tides.txt/0"
    assert (await names(library, by_words))[0] == "wool.md/0"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(collections=("crafts",)), {"wool.md/0"}),
        (Filters(documents=("wool.md", "tides.txt")), {"wool.md/0", "tides.txt/0"}),
        (Filters(tags=("farm", "moon")), {"goats.pdf/0", "tides.txt/0"}),
        (Filters(attributes={"year": (1999, 2020)}), {"goats.pdf/1", "wool.md/0"}),
        (Filters(attributes={"year": (2020,), "draft": (True,)}), {"wool.md/0"}),
        (Filters(documents=("goats.pdf",), numbers=(1,)), {"goats.pdf/1"}),
        (Filters(kinds=("image",)), set()),
        (Filters(version=2), set()),
    ],
)
async def test_filters_hold_in_search_count_and_scroll_alike(library: VectorStore, filters: Filters, found: set[str]) -> None:
    assert set(await names(library, asking("dense", "goats", filters=filters))) == found
    assert await library.count(OURS, SPACE, filters) == len(found)
    assert {f"{one.document}/{one.number}" for one in (await library.scroll(OURS, SPACE, filters)).chunks} == found


async def test_what_scores_too_little_is_left_out(library: VectorStore) -> None:
    assert await names(library, asking("dense", "goats", thresholds=Thresholds(dense=0.95))) == ["goats.pdf/0"]
    assert await names(library, asking("sparse", text="goat", thresholds=Thresholds(sparse=50.0))) == []
    assert await names(library, asking("hybrid", "goats", "gate", thresholds=Thresholds(fused=0.03))) == ["goats.pdf/1"]


async def test_diversity_prefers_what_is_unlike_the_hits_before(store: VectorStore) -> None:
    twins = [point("twins", number, "twin", "goats", 0.30 + number / 1000) for number in range(3)]
    other = Point(chunk("other", 0, "other"), vector_of("goats") + 0.6 * vector_of("wool"))
    await store.upsert(OURS, SPACE, [*twins, other])
    assert await names(store, asking("dense", "goats", limit=2)) == ["twins/0", "twins/1"]
    diverse = asking("dense", "goats", limit=2, diversity=Diversity(0.3))
    assert await names(store, diverse) == ["twins/0", "other/0"]


async def test_writing_again_overwrites_and_a_new_version_leaves_no_orphan(library: VectorStore) -> None:
    goats = Filters(documents=("goats.pdf",))
    again = [point("goats.pdf", 0, "Goats swim.", "goats", version=2)]
    for _ in range(2):
        await library.upsert(OURS, SPACE, again)
        assert await library.count(OURS, SPACE, goats) == 2
    assert await library.delete_document(OURS, "goats.pdf", keep_version=2) == 1
    (left,) = (await library.scroll(OURS, SPACE, goats)).chunks
    assert (left.text, left.version) == ("Goats swim.", 2)
    assert await names(library, asking("sparse", text="climb gate")) == []


async def test_how_rare_a_word_is_is_known_at_once(store: VectorStore) -> None:
    """With one document of three a word is worth more than with all."""
    await store.upsert(
        OURS, SPACE, [point(f"d{number}", 0, f"common {'heather' if number == 0 else 'grass'}", "goats") for number in range(3)]
    )
    query = asking("sparse", text="heather")
    rare = (await store.search(OURS, SPACE, query))[0].score
    await store.upsert(OURS, SPACE, [point(f"d{number}", 0, "common heather", "goats") for number in range(3)])
    common = (await store.search(OURS, SPACE, query))[0].score
    assert common < rare / 2


async def test_what_was_deleted_or_replaced_no_longer_makes_a_word_common(store: VectorStore) -> None:
    """An index of Qdrant's own counts words of deleted points until it is opened again; ours are counted among what is there."""
    few = [point(f"d{number}", 0, "heather" if number == 0 else "grass", "goats") for number in range(3)]
    await store.upsert(OURS, SPACE, few)
    rare = (await store.search(OURS, SPACE, asking("sparse", text="heather")))[0].score
    await store.upsert(OURS, SPACE, [point(f"more{number}", 0, "heather", "goats") for number in range(8)])
    await store.upsert(OURS, SPACE, [point(f"more{number}", 0, "grass", "goats") for number in range(4)])
    for number in range(8):
        await store.delete_document(OURS, f"more{number}")
    assert (await store.search(OURS, SPACE, asking("sparse", text="heather")))[0].score == pytest.approx(rare)
    await store.upsert(THEIRS, SPACE, [point(f"t{number}", 0, "heather", "goats", organisation=THEIRS) for number in range(8)])
    await store.delete_organisation(THEIRS)
    assert (await store.search(OURS, SPACE, asking("sparse", text="heather")))[0].score == pytest.approx(rare)


async def test_organisations_share_an_index_and_see_nothing_of_each_other(library: VectorStore) -> None:
    before = (await library.search(OURS, SPACE, asking("sparse", text="climb")))[0].score
    await library.upsert(THEIRS, SPACE, [point("goats.pdf", 0, "Our goats climb too.", "goats", organisation=THEIRS)])
    assert await names(library, asking("hybrid", "goats", "goats climb tide"), THEIRS) == ["goats.pdf/0"]
    assert await library.count(THEIRS, SPACE) == 1
    assert await library.count(OURS, SPACE) == 5
    assert [one.organisation for one in (await library.scroll(THEIRS, SPACE)).chunks] == [THEIRS]
    # Not even through scores: the same word, now in a document of others too, is as rare here as before.
    assert (await library.search(OURS, SPACE, asking("sparse", text="climb")))[0].score == before
    assert await library.delete_document(THEIRS, "wool.md") == 0
    assert await library.delete_organisation(THEIRS) == 1
    assert await library.count(OURS, SPACE) == 5


@pytest.mark.parametrize("hostile", [Filters(collections=(THEIRS,)), Filters(attributes={"organisation": (THEIRS,)})])
async def test_no_filter_reaches_into_another_organisation(library: VectorStore, hostile: Filters) -> None:
    await library.upsert(THEIRS, SPACE, [point("secret", 0, "secret", "goats", organisation=THEIRS, collection=THEIRS)])
    assert await names(library, asking("dense", "goats", filters=hostile)) == []
    for name in ("organisation.", "a.b", "organisation[]", "", "UPPER"):
        with pytest.raises(BadInput, match="no name of an attribute"):
            await library.count(OURS, SPACE, Filters(attributes={name: ("x",)}))


async def test_nobody_writes_for_another_or_for_nobody(library: VectorStore) -> None:
    with pytest.raises(BadInput, match="belongs to another organisation"):
        await library.upsert(OURS, SPACE, [point("goats.pdf", 0, "x", "goats", organisation=THEIRS)])
    for call in (library.count("", SPACE), library.delete_organisation(" "), library.search("", SPACE, asking("dense", "goats"))):
        with pytest.raises(BadInput, match="No organisation"):
            await call


async def test_a_write_with_one_bad_point_writes_nothing(library: VectorStore) -> None:
    good = numbered(100)
    for vector in (np.ones(3, np.float32), np.full(16, np.nan, np.float32), np.zeros(16, np.float32)):
        with pytest.raises(BadInput, match="Chunk 7 of 'bad'"):
            await library.upsert(OURS, SPACE, [*good, Point(chunk("bad", 7, "x"), vector)])
    with pytest.raises(BadInput, match="not valid Unicode"):
        await library.upsert(OURS, SPACE, [*good, point("bad", 7, "\ud800", "goats")])
    assert await library.count(OURS, SPACE) == 5


async def test_each_model_has_an_index_of_its_own_and_a_deletion_reaches_all(library: VectorStore) -> None:
    pictures = Space("clip", "float32", 4)
    picture = Point(chunk("goats.pdf", 9, "", kind="image"), np.ones(4, np.float32), keywords=False)
    await library.upsert(OURS, pictures, [picture])
    (hit,) = await library.search(OURS, pictures, SearchQuery("dense", np.ones(4, np.float32)))
    assert hit.chunk.kind == "image"
    assert {state.space: state.points for state in await library.spaces()} == {SPACE: 5, pictures: 1}
    assert await library.delete_document(OURS, "goats.pdf") == 3
    with pytest.raises(NotFound, match="Nothing was indexed with 'clip' \\(int8"):
        await library.count(OURS, dataclasses.replace(pictures, variant="int8"))


async def test_a_parent_is_kept_and_found_by_number_only(library: VectorStore) -> None:
    await library.upsert(OURS, SPACE, [Point(chunk("goats.pdf", 2, "Goats climb."), None, keywords=False)])
    assert "goats.pdf/2" not in await names(library, asking("hybrid", "goats", "climb"))
    page = await library.scroll(OURS, SPACE, Filters(documents=("goats.pdf",), numbers=(2,)))
    assert [one.text for one in page.chunks] == ["Goats climb."]


async def test_pages_of_a_scroll_have_everything_once(store: VectorStore) -> None:
    await store.upsert(OURS, SPACE, numbered(100))
    seen: list[int] = []
    after = None
    while True:
        page = await store.scroll(OURS, SPACE, after=after, limit=30)
        seen += [one.number for one in page.chunks]
        after = page.next
        if after is None:
            break
    assert sorted(seen) == list(range(100))
    with pytest.raises(BadInput, match="no place in a list"):
        await store.scroll(OURS, SPACE, after="elsewhere")


async def test_what_cannot_be_searched_for_is_refused_saying_why(library: VectorStore) -> None:
    for query, why in (
        (asking("dense"), "needs the question's vector"),
        (asking("hybrid", "goats", " "), "needs the question's text"),
        (asking("sparse", text="\ud800"), "not valid Unicode"),
        (asking("dense", "goats", limit=0), "'limit' is 0"),
        (asking("dense", "goats", candidates=5000), "results_per_search"),
        (asking("dense", "goats", diversity=Diversity(2)), "choose 0 to 1"),
    ):
        with pytest.raises(BadInput, match=why):
            await library.search(OURS, SPACE, query)
    with pytest.raises(TooLarge, match=r"vectors\.points_per_write"):
        await library.upsert(OURS, SPACE, numbered(1025))


async def test_a_second_owner_of_the_folder_is_refused(opened: Opened) -> None:
    first = opened()
    await first.upsert(OURS, SPACE, numbered(5))
    with pytest.raises(Unavailable, match="Another process owns the index"):
        opened()
    first.close()
    assert await opened().count(OURS, SPACE) == 5


async def test_words_of_a_language_are_those_of_the_setting(opened: Opened) -> None:
    vectors = opened(keyword_language="german")
    await vectors.upsert(OURS, SPACE, [point("haus", 0, "Die Häuser am Deich", "goats")])
    assert await names(vectors, asking("sparse", text="haus")) == ["haus/0"]
    vectors.close()
    # An index keeps the language it was made with, whatever the setting says later.
    again = opened(keyword_language="klingon")
    assert await names(again, asking("sparse", text="haus")) == ["haus/0"]
    with pytest.raises(BadInput, match=r"vectors\.keyword_language"):
        await again.upsert(OURS, Space("another", "x", 16), numbered(1))
    assert len(await again.spaces()) == 1

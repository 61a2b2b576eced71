"""Documents that say the same are found whenever they came in."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import SelectBase, delete, text
from sqlalchemy.dialects import postgresql

from cluster.knowledge.prints import alike, bands, equal, similarity
from cluster.knowledge.tables import Collection, DocumentPrint, DocumentRow
from cluster.stores.sql import AsyncSession
from cluster.text.duplicates import fingerprint
from tests.cluster.knowledge.conftest import Library

STORY = " ".join(f"On day {day} the keeper of light {day * 7} counted {day * 3} ships." for day in range(60))
NEARLY = STORY.replace("On day 30 the keeper", "On day 30 a keeper")
OTHER = " ".join(f"Chapter {number} is about bread number {number * 5}." for number in range(60))


async def give(library: Library, path: str, text: str, row: DocumentRow | None = None, version: int = 1) -> DocumentRow:
    """A document that is read and settled, but not compared yet."""
    made = row or await library.upload(path)
    print_of = fingerprint(str(made.id), text)
    told = library.outcome(made, version=version, words_hash=print_of.words_hash, signature=print_of.signature)
    assert await library.on_shelf(lambda shelf: shelf.settle([told])) == []
    return made


async def compared(library: Library) -> int:
    return await library.on_shelf(lambda shelf: shelf.compare(10))


async def repeats(library: Library, row: DocumentRow) -> tuple[uuid.UUID | None, float | None]:
    found = await library.look(row.id)
    assert found is not None
    return found.duplicate_of, found.similarity


async def test_a_new_document_is_compared_with_what_came_in_long_before(library: Library):
    first, other = await give(library, "first.txt", STORY), await give(library, "other.txt", OTHER)
    assert await compared(library) == 2
    assert await repeats(library, first) == await repeats(library, other) == (None, None)
    nearly, same = await give(library, "nearly.txt", NEARLY), await give(library, "same.txt", f"{STORY.upper()}!")
    assert await compared(library) == 2
    original, share = await repeats(library, nearly)
    assert original == first.id
    assert share is not None
    assert 0.85 < share < 1
    assert await repeats(library, same) == (first.id, 1.0)
    assert await repeats(library, first) == (None, None)


async def test_what_was_not_compared_when_a_job_was_killed_is_compared_by_the_next(library: Library):
    first, nearly = await give(library, "a.txt", STORY), await give(library, "b.txt", NEARLY)
    assert await library.on_shelf(lambda shelf: shelf.compare(1)) == 1
    assert await library.on_shelf(lambda shelf: shelf.compare(1)) == 1
    assert await compared(library) == 0
    assert (await repeats(library, nearly))[0] == first.id


async def test_a_document_that_changes_is_no_longer_what_others_repeat(library: Library):
    first, second, third = [await give(library, name, STORY) for name in "abc"]
    await compared(library)
    assert await repeats(library, third) == (first.id, 1.0)
    await library.change(first, version=2)
    await give(library, "a", OTHER, replace_version(first, 2), version=2)
    assert await compared(library) == 3
    assert await repeats(library, first) == await repeats(library, second) == (None, None)
    assert await repeats(library, third) == (second.id, 1.0)


def replace_version(row: DocumentRow, version: int) -> DocumentRow:
    row.version = version
    return row


async def test_documents_of_another_collection_are_nobody_s_copies(library: Library):
    elsewhere = replace(library, collection_id=await another_collection(library))
    await give(elsewhere, "a.txt", STORY)
    mine = await give(library, "a.txt", STORY)
    assert await compared(library) == 1
    assert await repeats(library, mine) == (None, None)


async def another_collection(library: Library) -> uuid.UUID:
    row = Collection(
        id=uuid.uuid4(),
        organisation_id=library.organisation_id,
        owner_id=library.owner_id,
        name="elsewhere",
        embedding_model="tiny",
        chunking={},
    )
    async with library.stores.database.session() as session:
        session.add(row)
    return row.id


async def test_a_document_without_words_or_that_goes_leaves_no_print(library: Library):
    row = await give(library, "a.txt", STORY)
    await library.change(row, version=2)
    await give(library, "a.txt", "...", replace_version(row, 2), version=2)
    async with library.stores.database.session() as session:
        assert await session.get(DocumentPrint, row.id) is None
    second = await give(library, "b.txt", STORY)
    async with library.stores.database.session() as session:
        await _delete(session, second.id)
    async with library.stores.database.session() as session:
        assert await session.get(DocumentPrint, second.id) is None


async def _delete(session: AsyncSession, document: uuid.UUID) -> None:
    await session.delete(await session.get_one(DocumentRow, document))


@pytest.mark.parametrize("share", [0.86, 0.9, 0.95])
def test_what_is_alike_enough_shares_a_band(share):
    rng, place, found = np.random.default_rng(7), uuid.uuid4(), 0
    for _ in range(200):
        one = rng.integers(0, 2**32, 128, dtype=np.uint32)
        other = np.where(rng.random(128) < share, one, rng.integers(0, 2**32, 128, dtype=np.uint32)).astype(np.uint32)
        found += not set(bands(place, one.tobytes())).isdisjoint(bands(place, other.tobytes()))
        assert abs(similarity(one.tobytes(), other.tobytes()) - share) < 0.2
    assert found >= 198
    assert set(bands(place, one.tobytes())).isdisjoint(bands(uuid.uuid4(), one.tobytes()))


FILLED = """
    WITH made AS (
        INSERT INTO documents (id, organisation_id, owner_id, collection_id, path, content_hash, state, words_hash)
        SELECT gen_random_uuid(), :organisation, :owner, :collection, n::text, n::text, 'ready', md5(n::text)
        FROM generate_series(1, 3000) n
        RETURNING id, path::int AS n
    )
    INSERT INTO document_prints (document_id, signature, bands) SELECT id, 'x', ARRAY[n, n + 100000, n % 100] FROM made
    RETURNING document_id
"""


def shown(statement: SelectBase) -> str:
    """What is asked, as it can be explained."""
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    return str(compiled).replace(":", "\\:")


async def test_who_repeats_whom_is_looked_up_and_not_searched_for_through_the_whole_collection(library: Library):
    whose = {"organisation": library.organisation_id, "owner": library.owner_id, "collection": library.collection_id}
    async with library.stores.database.session() as session:
        documents = list(await session.scalars(text(FILLED), whose))[:50]
        # Pages that every lookup would go through: none.
        assert await session.scalar(text("SELECT gin_clean_pending_list('ix_document_prints_bands')")) == 0
        await session.execute(text("ANALYZE documents, document_prints"))
        # As in a table too large to be read whole.
        await session.execute(text("SET LOCAL enable_seqscan = off"))

        async def plan(statement: SelectBase) -> str:
            return "\n".join(await session.scalars(text(f"EXPLAIN {shown(statement)}")))

        assert "ix_documents_words" in await plan(equal(library.collection_id, documents))
        assert "ix_document_prints_bands" in await plan(alike(library.collection_id, documents))
        await session.execute(delete(Collection).where(Collection.id == library.collection_id))


def looks(node: dict[str, Any]) -> int:
    """How often a plan that was carried out looked for bands."""
    own = any("&&" in node.get(kind, "") for kind in ("Filter", "Index Cond", "Join Filter"))
    return (node["Actual Loops"] if own else 0) + sum(map(looks, node.get("Plans", ())))


async def test_bands_are_looked_for_once_a_document_where_the_planner_knows_nothing_of_the_tables_yet(library: Library):
    whose = {"organisation": library.organisation_id, "owner": library.owner_id, "collection": library.collection_id}
    async with library.stores.database.session() as session:
        for table in ("documents", "document_prints"):
            # Of temporary tables the server keeps no statistics by itself, and they stand before others of their name.
            await session.execute(text(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING ALL) ON COMMIT DROP"))
        documents = list(await session.scalars(text(FILLED.replace("3000", "400")), whose))[:50]
        asked = text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {shown(alike(library.collection_id, documents))}")
        (carried_out,) = await session.scalar(asked)
    assert carried_out["Plan"]["Actual Rows"] > 0
    assert looks(carried_out["Plan"]) == len(documents)

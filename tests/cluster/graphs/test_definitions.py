"""Graphs that an organisation keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cluster.errors import Conflict, NotFound, Overloaded, TooLarge
from cluster.graphs.definitions import Content, Definitions
from tests.cluster.graphs.house import House


def content(answer: str = "1", **more) -> Content:
    return Content({"name": "letters", "title": "Letters", "output": {"answer": answer}}, title="Letters", **more)


@asynccontextmanager
async def defining(house: House) -> AsyncIterator[Definitions]:
    async with house.database.session() as session:
        yield Definitions(session, house.graphs)


async def create(house: House, name: str = "letters", **more):
    async with defining(house) as definitions:
        return await definitions.create(house.organisation_id, house.owner_id, name, content(**more), library={"research"})


async def test_a_graph_is_found_by_name_and_by_id_in_its_organisation(house: House):
    graph, version = await create(house, source="name: letters", about={"role": "writer"})
    assert (graph.version, version.version, version.spec["version"]) == (1, 1, 1)
    async with defining(house) as definitions:
        for which in ("letters", graph.id, str(graph.id)):
            found, latest = await definitions.get(house.organisation_id, which)
            assert (found.id, latest.source, latest.about) == (graph.id, "name: letters", {"role": "writer"})
        with pytest.raises(NotFound, match="did you mean 'letters'"):
            await definitions.get(house.organisation_id, "leters")
        with pytest.raises(NotFound):
            await definitions.get((await house.neighbour()).organisation_id, graph.id)


async def test_a_name_is_taken_once_and_the_librarys_never(house: House):
    await create(house)
    with pytest.raises(Conflict, match="already"):
        await create(house)
    with pytest.raises(Conflict, match="library"):
        await create(house, "research")
    await create(await house.neighbour())


async def test_of_two_who_take_a_name_at_once_one_gets_it(house: House):
    made = await asyncio.gather(create(house), create(house), return_exceptions=True)
    assert [type(one) for one in made if isinstance(one, BaseException)] == [Conflict]


async def test_every_change_is_a_version_and_the_old_ones_stay(house: House):
    graph, _ = await create(house)
    async with defining(house) as definitions:
        changed, version = await definitions.change(graph, house.owner_id, content("2", note="better"), expected=1)
        assert (changed.version, version.note, version.spec["version"]) == (2, "better", 2)
        reverted, version = await definitions.revert(changed, house.owner_id, 1)
        assert (reverted.version, version.spec["output"], version.note) == (3, {"answer": "1"}, "as version 1 was")
        assert reverted.title == "Letters"
        assert [one.version for one in await definitions.versions(graph, 2)] == [3, 2]
        assert [one.version for one in await definitions.versions(graph, 2, before=2)] == [1]
        _, second = await definitions.get(house.organisation_id, "letters", 2)
        assert second.spec["output"] == {"answer": "2"}
        with pytest.raises(NotFound, match="no version 9; its latest is 3"):
            await definitions.get(house.organisation_id, "letters", 9)


async def test_who_has_not_seen_the_latest_version_does_not_overwrite_it(house: House):
    graph, _ = await create(house)

    async def change() -> object:
        async with defining(house) as definitions:
            return await definitions.change(graph, house.owner_id, content("2"), expected=1)

    changed = await asyncio.gather(*(change() for _ in range(4)), return_exceptions=True)
    refused = [one for one in changed if isinstance(one, Conflict)]
    assert len(refused) == 3
    assert "is at version 2 now, not 1" in refused[0].message


async def test_changes_of_several_who_do_not_care_all_stay(house: House):
    graph, _ = await create(house)

    async def change(answer: str) -> None:
        async with defining(house) as definitions:
            await definitions.change(graph, house.owner_id, content(answer))

    await asyncio.gather(*(change(str(number)) for number in range(5)))
    async with defining(house) as definitions:
        assert [one.version for one in await definitions.versions(graph, 10)] == [6, 5, 4, 3, 2, 1]


async def test_a_graph_that_is_gone_takes_no_change(house: House):
    graph, _ = await create(house)
    async with defining(house) as definitions:
        await definitions.delete(graph)
        with pytest.raises(Conflict, match="removed meanwhile"):
            await definitions.change(graph, house.owner_id, content())
    await create(house)


async def test_graphs_are_listed_by_name_page_by_page(house: House):
    for name in ("c", "a", "b"):
        await create(house, name)
    async with defining(house) as definitions:
        await definitions.create(house.organisation_id, house.owner_id, "d", content(), library=(), kind="agent")
        page = await definitions.page(house.organisation_id, 2)
        assert [graph.name for graph in page] == ["a", "b"]
        assert [graph.name for graph in await definitions.page(house.organisation_id, 2, after="b")] == ["c", "d"]
        assert [graph.name for graph in await definitions.page(house.organisation_id, 9, kind="agent")] == ["d"]


async def test_there_are_no_more_graphs_and_no_larger_ones_than_may_be(house: House):
    tight = house.limited(definitions_per_organisation=2, spec_bytes=1024)
    made = await asyncio.gather(*(create(tight, f"g{number}") for number in range(4)), return_exceptions=True)
    assert sum(isinstance(one, Overloaded) for one in made) == 2
    with pytest.raises(TooLarge, match=r"graphs\.spec_bytes"):
        await create(await house.neighbour(spec_bytes=1024), answer="x" * 2000)

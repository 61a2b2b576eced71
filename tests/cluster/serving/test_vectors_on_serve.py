"""The index behind Ray Serve: one owner, reached from elsewhere, and replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import psutil
import pytest

from cluster.contracts.retrieval import Filters, SearchQuery
from cluster.errors import BadInput, NotFound
from cluster.serving.vectors import ServeVectors, vectors_app
from cluster.settings import Settings
from tests.deployments.fixtures.knowledge import OURS, SPACE, THEIRS, numbered, vector_of


@pytest.fixture(scope="module")
async def store(serve_runtime: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServeVectors]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    serve_runtime(vectors_app(settings))
    store = ServeVectors(settings.vectors)
    yield store
    await store.close()
    serve_runtime()


def owner() -> psutil.Process:
    """The replica's process."""
    (found,) = [one for one in psutil.Process().children(recursive=True) if "ServeReplica:vectors" in " ".join(one.cmdline())]
    return found


async def test_what_is_written_from_elsewhere_is_found_and_errors_keep_their_type(store: ServeVectors) -> None:
    assert await store.upsert(OURS, SPACE, numbered(100, "served")) == 100
    hit, *_ = await store.search(OURS, SPACE, SearchQuery("hybrid", vector_of("wool", 0.041), "number 41", limit=3))
    assert (hit.chunk.number, hit.chunk.organisation) == (41, OURS)
    assert {part.part for part in hit.parts} == {"dense", "sparse"}
    assert (await store.scroll(OURS, SPACE, Filters(documents=("served",)), limit=10)).next is not None
    assert await store.count(THEIRS, SPACE) == 0
    with pytest.raises(BadInput, match="No organisation"):
        await store.count(" ", SPACE)
    with pytest.raises(NotFound, match="Nothing was indexed"):
        await store.count(OURS, type(SPACE)("other", "x", 3))
    assert await store.delete_document(OURS, "served") == 100


async def test_calls_wait_for_the_successor_of_an_owner_that_was_killed(store: ServeVectors) -> None:
    await store.upsert(OURS, SPACE, numbered(50, "kept"))
    os.kill(owner().pid, signal.SIGKILL)
    writes = [store.upsert(OURS, SPACE, numbered(20, f"after-{number}")) for number in range(3)]
    assert await asyncio.gather(*writes) == [20, 20, 20]
    assert await store.count(OURS, SPACE) == 110
    assert await store.delete_organisation(OURS) == 110
    assert [state.points for state in await store.spaces()] == [0]

"""What happens to an index over time: crashes, rebuilding, copies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from cluster.backup.parts import Index
from cluster.contracts.retrieval import ChunkRecord, Filters, SearchQuery, Space
from cluster.errors import BadInput, Unavailable
from cluster.home import REPOSITORY, Home
from cluster.serving.vectors import VectorsArgs
from cluster.settings import VectorSettings
from deployments.engines.qdrant_facts import folder_name
from deployments.vectors import Vectors
from tests.deployments.fixtures.knowledge import OURS, SPACE, THEIRS, numbered, point, random_points

Opened = Callable[..., Vectors]
WIDE = Space("wide", "float32", 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def opened(folder: Path) -> Iterator[Opened]:
    made: list[Vectors] = []

    def open_again(at: Path = folder, **settings: object) -> Vectors:
        chosen = VectorSettings.model_validate({"lock_wait_s": 0.2, "exact_points": 1000, "quiet_s": 0, **settings})
        made.append(Vectors(VectorsArgs(folder=str(at), settings=chosen)))
        return made[-1]

    yield open_again
    for vectors in made:
        vectors.close()


def generations(folder: Path, space: Space) -> list[str]:
    return sorted(path.name for path in (folder / folder_name(space)).glob("g*"))


def written_before_a_kill(folder: Path, *words: str, acknowledged: int) -> int:
    """The last chunk that was acknowledged by a process that was then killed at once."""
    command = [sys.executable, "-m", "tests.deployments.fixtures.vector_owner", str(folder), *words]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        lines = [owner.stdout.readline() for _ in range(acknowledged)]
        owner.send_signal(signal.SIGKILL)
        lines += owner.stdout.readlines()
    return int([line for line in lines if line.endswith("\n")][-1])


@pytest.mark.parametrize("words", [(), ("--build",)])
async def test_a_killed_owner_loses_nothing_it_acknowledged(folder: Path, opened: Opened, words: tuple[str, ...]) -> None:
    for kill in (7, 25):
        last = written_before_a_kill(folder, *words, acknowledged=kill)
        vectors = opened()
        assert await vectors.count(OURS, SPACE) >= last + 1
        assert {one.number for one in await everything(vectors)} >= set(range(last + 1))
        assert len(generations(folder, SPACE)) == 1
        (hit,) = await vectors.search(OURS, SPACE, SearchQuery("sparse", text=f"number {last}", limit=1))
        assert hit.chunk.number == last
        vectors.close()


async def test_beyond_the_limit_an_index_is_built_beside_and_finds_what_exact_search_finds(folder: Path, opened: Opened) -> None:
    vectors = opened()
    points = random_points(3000, WIDE.dimensions, seed=1)
    for start in range(0, len(points), 500):
        await vectors.upsert(OURS, WIDE, points[start : start + 500])
    questions = [SearchQuery("dense", one.vector) for one in random_points(20, WIDE.dimensions, seed=2)]
    exact = [{hit.chunk.number for hit in await vectors.search(OURS, WIDE, query)} for query in questions]
    (before,) = await vectors.spaces()
    assert (before.indexed, before.building) == (0, False)
    await vectors.check_health()
    await vectors.built()
    (after,) = await vectors.spaces()
    assert (after.points, after.indexed, after.building) == (3000, 3000, False)
    assert generations(folder, WIDE) == ["g000002"]
    found = [{hit.chunk.number for hit in await vectors.search(OURS, WIDE, query)} for query in questions]
    assert np.mean([len(one & other) / 10 for one, other in zip(exact, found, strict=True)]) >= 0.98
    await vectors.check_health()
    assert not (await vectors.spaces())[0].building


async def test_what_is_written_while_an_index_is_built_is_in_it(opened: Opened) -> None:
    vectors = opened(exact_points=200)
    await vectors.upsert(OURS, SPACE, numbered(300, "old"))
    await vectors.upsert(OURS, SPACE, numbered(100, "doomed"))
    await vectors.upsert(THEIRS, SPACE, numbered(5, organisation=THEIRS))
    await vectors.check_health()
    await asyncio.sleep(0.05)
    assert (await vectors.spaces())[0].building
    await vectors.upsert(OURS, SPACE, [point("old", 7, "Rewritten about zeppelins.", "wool", version=2)])
    await vectors.upsert(OURS, SPACE, numbered(150, "new"))
    assert await vectors.delete_document(OURS, "doomed") == 100
    await vectors.built()
    (state,) = await vectors.spaces()
    assert (state.points, state.indexed) == (455, 405)
    assert await vectors.count(OURS, SPACE, Filters(documents=("new",))) == 150
    assert await vectors.count(OURS, SPACE, Filters(documents=("doomed",))) == 0
    assert await vectors.count(THEIRS, SPACE) == 5
    (hit,) = await vectors.search(OURS, SPACE, SearchQuery("sparse", text="zeppelin"))
    assert (hit.chunk.number, hit.chunk.version) == (7, 2)


async def test_a_build_that_fails_leaves_everything_as_it_was(folder: Path, opened: Opened) -> None:
    vectors = opened(exact_points=100, build_timeout_s=0.01)
    await vectors.upsert(OURS, SPACE, numbered(200))
    await vectors.check_health()
    await vectors.built()
    (state,) = await vectors.spaces()
    assert (state.points, state.indexed, state.building) == (200, 0, False)
    assert generations(folder, SPACE) == ["g000001"]
    await vectors.check_health()
    assert not (await vectors.spaces())[0].building


async def test_a_copy_that_is_made_while_others_write_is_whole(folder: Path, opened: Opened, tmp_path: Path) -> None:
    vectors = opened(lock_wait_s=30)
    done = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal done
        while not stop.is_set():
            await vectors.upsert(OURS, SPACE, numbered(done + 10)[done:])
            done += 10

    writing = asyncio.create_task(write())
    while done < 50:  # noqa: ASYNC110 - the writer does not know that anybody waits
        await asyncio.sleep(0.01)
    before = done
    restored = await asyncio.to_thread(backed_up, folder, tmp_path)
    stop.set()
    await writing
    copy = opened(restored)
    found = {one.number for one in await everything(copy)}
    assert found == set(range(len(found)))
    assert before <= len(found) <= done
    assert len(found) % 10 == 0
    assert (await copy.search(OURS, SPACE, SearchQuery("sparse", text="number 7", limit=1)))[0].chunk.number == 7


async def everything(vectors: Vectors) -> list[ChunkRecord]:
    page = await vectors.scroll(OURS, SPACE, limit=1000)
    chunks = list(page.chunks)
    while page.next is not None:
        page = await vectors.scroll(OURS, SPACE, after=page.next, limit=1000)
        chunks += page.chunks
    return chunks


def backed_up(folder: Path, tmp_path: Path) -> Path:
    """The index as a backup has it, put where a restore would."""
    work, home = tmp_path / "work", tmp_path / "restored"
    work.mkdir()
    part = Index()
    for member in part.members(Home(folder.parent), work):
        target = home / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.file.read_bytes())
    assert list(work.iterdir()) == []
    return home / "vectors"


async def test_writes_wait_for_a_copy_and_searches_do_not(folder: Path, opened: Opened) -> None:
    vectors = opened()
    await vectors.upsert(OURS, SPACE, numbered(10))
    with FileLock(folder / folder_name(SPACE) / "write.lock"):
        with pytest.raises(Unavailable, match="retry in 10 s"):
            await vectors.upsert(OURS, SPACE, numbered(20))
        assert await vectors.count(OURS, SPACE) == 10
        assert await vectors.search(OURS, SPACE, SearchQuery("sparse", text="chunk"))
    assert await vectors.upsert(OURS, SPACE, numbered(20)) == 20


async def test_writers_at_once_take_turns(opened: Opened) -> None:
    vectors = opened()
    await asyncio.gather(*(vectors.upsert(OURS, SPACE, numbered(50, f"document-{number}")) for number in range(8)))
    assert await vectors.count(OURS, SPACE) == 400


async def test_there_are_no_more_indexes_than_the_setting_says(opened: Opened) -> None:
    vectors = opened(spaces=1)
    await vectors.upsert(OURS, SPACE, numbered(1))
    with pytest.raises(BadInput, match=r"vectors\.spaces"):
        await vectors.upsert(OURS, WIDE, random_points(1, WIDE.dimensions, seed=1))

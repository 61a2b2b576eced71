"""Few documents, in threads of this process: reading goes on while others are embedded, and nothing is left running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import psutil
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from cluster.contracts.documents import Chunk, Document, Problem
from cluster.errors import EngineError
from cluster.settings import IngestSettings
from cluster.text.chunking import Chunking
from pipelines.ingest.flow import ingest
from pipelines.ingest.here import BEGUN, WRITERS, here
from pipelines.ingest.prepare import Preparation
from pipelines.ingest.rows import Finished
from pipelines.stages.read import Source

BATCH = 8
LIMITS = IngestSettings(embed_batch=BATCH)
# Of a document of one chunk: that, its end, and the seconds it took.
ROWS = 3


class Kept:
    """Counts documents that were read, and those whose chunks were written; ``most``: by how many the first were ahead at most."""

    def __init__(self) -> None:
        self.read = self.written = self.most = 0
        self.told = threading.Condition()

    def keep(self, document: Document, root: str) -> None:
        with self.told:
            self.read += 1
            self.most = max(self.most, self.read - self.written)
            self.told.notify_all()

    def write(self, chunks: Sequence[Chunk], vectors: Sequence[Any]) -> None:
        with self.told:
            self.written += len(chunks)


def sources(count: int) -> list[Source]:
    return [Source(f"doc-{number}", f"{number}.txt", text=f"Story {number}.") for number in range(count)]


def lengths(texts: Sequence[str]) -> Any:
    return np.array([[len(text)] for text in texts], np.float32)


def run(embed: Callable[[Sequence[str]], Any], kept: Kept, count: int) -> Iterator[pa.Table]:
    return here(sources(count), Preparation(LIMITS, Chunking(), keep=kept.keep), embed, kept.write)


def parsers() -> set[int]:
    """Processes that read files, of this one."""
    return {child.pid for child in psutil.Process().children() if "cluster.content.isolated" in child.cmdline()}


@pytest.fixture
def running() -> Callable[[], set[str]]:
    """Threads and parsers of an ingestion; not those that something else had started before."""
    before = parsers()

    def names() -> set[str]:
        threads = {thread.name for thread in threading.enumerate() if thread.name.startswith(("read", "index"))}
        return threads | {"parser" for _ in parsers() - before}

    return names


def test_the_next_are_read_while_the_first_is_embedded():
    kept = Kept()

    def embed(texts: Sequence[str]) -> Any:
        with kept.told:
            assert kept.told.wait_for(lambda: kept.read >= 4, timeout=60)
        return lengths(texts)

    assert sum(map(len, run(embed, kept, 4))) > 0
    assert kept.written == 4


def test_two_batches_are_on_their_way_at_once():
    kept, met, inside = Kept(), threading.Event(), set[int]()

    def embed(texts: Sequence[str]) -> Any:
        inside.add(threading.get_ident())
        if len(inside) == WRITERS:
            met.set()
        assert met.wait(60)
        return lengths(texts)

    given = [Source("doc", "long.txt", text="A sentence of some words, not more. " * 800)]
    list(here(given, Preparation(LIMITS, Chunking("sentences", 200, 0)), embed, kept.write))
    assert kept.written > 100


def test_reading_waits_while_enough_does():
    kept, brief = Kept(), threading.Event()

    def embed(texts: Sequence[str]) -> Any:
        brief.wait(0.05)
        return lengths(texts)

    list(run(embed, kept, 120))
    assert kept.written == 120
    assert kept.most <= (2 + BEGUN) * BATCH // ROWS + 4


def test_an_index_that_fails_ends_it_and_leaves_nothing_running(running: Callable[[], set[str]]):
    kept = Kept()

    def embed(texts: Sequence[str]) -> Any:
        raise EngineError("The embedding model is gone.")

    with pytest.raises(EngineError, match="is gone"):
        list(run(embed, kept, 40))
    assert kept.read < 40
    assert running() == set()


def test_whoever_stops_asking_leaves_nothing_running(running: Callable[[], set[str]]):
    tables = run(lengths, Kept(), 40)
    assert next(tables).num_rows
    assert "parser" in running()
    tables.close()  # type: ignore[attr-defined]
    assert running() == set()


def test_a_file_that_takes_more_memory_than_it_may_is_listed_and_the_others_go_in(tmp_path):
    (tmp_path / "huge.txt").write_text("word " * 25_000_000)
    given = [Source("huge", "huge.txt", tmp_path / "huge.txt"), *sources(2)]
    limits = LIMITS.model_copy(update={"parse_memory": 256 * 2**20, "direct_bytes": 2**30})
    kept = Kept()
    events = list(ingest(given, Preparation(limits, Chunking(), keep=kept.keep), lengths, kept.write))
    (problem,) = [event for event in events if isinstance(event, Problem)]
    assert (problem.path, problem.skipped) == ("huge.txt", True)
    assert {event.document for event in events if isinstance(event, Finished)} == {"doc-0", "doc-1"}

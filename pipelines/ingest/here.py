"""The stages in threads of the process that asks, for few documents: starting workers for them would take longer than all the rest.

One thread reads the next source while others embed and write what was read before. Parsers run in a process of their own, with a ceiling on
time and memory, as they do on a worker (see cluster/content/isolated.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing

import pyarrow as pa  # type: ignore[import-untyped]

from pipelines.ingest.prepare import Preparation
from pipelines.ingest.steps import Embed, Indexing, Preparing, Write, row_of
from pipelines.stages.read import Source

# One batch is embedded while another is written; a third is ready for whoever is done first.
WRITERS, BEGUN = 2, 3


def here(files: Sequence[Source], how: Preparation, embed: Embed, write: Write) -> Iterator[pa.Table]:
    """Tables of events, in no particular order. ``embed`` and ``write`` are called from two threads. Memory does not grow with the number
    of documents: reading waits while two batches do."""
    # The threads end before the process of the parsers does, which one of them may be using.
    with closing(Preparing(how)) as preparing, ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(WRITERS, "index") as writers:
        read = (table for source in files for table in preparing(pa.Table.from_pylist([row_of(source)])))
        yield from _Threads(read, Indexing(embed, write), how.limits.embed_batch, reader, writers).tables()


class _Threads:
    """What the threads are given to do. All decisions are taken in the thread that asks for tables."""

    def __init__(
        self, read: Iterator[pa.Table], indexing: Indexing, batch: int, reader: ThreadPoolExecutor, writers: ThreadPoolExecutor
    ) -> None:
        self._read, self._indexing, self._batch = read, indexing, batch
        self._reader, self._writers = reader, writers
        self._next: Future[pa.Table | None] | None = reader.submit(next, read, None)
        self._waiting: list[pa.Table] = []
        self._begun = set[Future[pa.Table]]()

    def tables(self) -> Iterator[pa.Table]:
        try:
            while (told := self._told()) or self._begun:
                done, _ = wait({*told, *self._begun}, return_when=FIRST_COMPLETED)
                for indexed in self._begun & done:
                    self._begun.remove(indexed)
                    yield indexed.result()
                self._take()
                self._begin()
        finally:
            for batch in self._begun:
                batch.cancel()

    def _told(self) -> list[Future[pa.Table | None]]:
        """The source that is being read, unless enough was."""
        if self._next is None or (self._begun and sum(map(len, self._waiting)) >= 2 * self._batch):
            return []
        return [self._next]

    def _take(self) -> None:
        """What was read meanwhile; the next is begun."""
        if self._next is None or not self._next.done() or not self._told():
            return
        table = self._next.result()
        self._next = None if table is None else self._reader.submit(next, self._read, None)
        self._waiting += [] if table is None else [table]

    def _begin(self) -> None:
        """Batches for threads that have nothing to do, small ones rather than none."""
        while self._waiting and len(self._begun) < BEGUN:
            rows = pa.concat_tables(self._waiting)
            batch, rest = rows.slice(0, self._batch), rows.slice(self._batch)
            self._waiting = [rest] if len(rest) else []
            if len(batch):
                self._begun.add(self._writers.submit(self._indexing, batch))

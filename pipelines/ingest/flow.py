"""Sources in, events out, chunks embedded and written on the way.

Few documents are read and indexed in this process (see here.py), more on workers of Ray Data (see spread.py), whose library is loaded then
only. The result does not depend on where documents are read, nor in which order: a chunk is
known by its document and number alone, so writing one again overwrites it, and any run may be repeated, as Ray does by itself when a worker
dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa  # type: ignore[import-untyped]

from cluster.contracts.documents import Chunk, Problem
from cluster.settings import IngestSettings
from pipelines.ingest.here import here
from pipelines.ingest.prepare import Preparation
from pipelines.ingest.rows import Event, Finished, Spent, Written, from_table
from pipelines.ingest.steps import Embed, Write
from pipelines.stages.read import Source, folder_sources


def ingest(
    sources: Iterable[Source], how: Preparation, embed: Embed, write: Write, spent: Callable[[Spent], None] = lambda _: None
) -> Iterator[Finished | Problem]:
    """Reads the sources (folders are read with all that is in them), and yields each document when all its chunks are written, and each
    problem. Documents come in no particular order.

    ``embed`` and ``write`` may be pickled and called on Ray's workers, or called here from two threads. What they raise ends the ingestion:
    that is trouble of the cluster, not of a document. Rows of documents that were not yielded may then be written in part; another run
    completes them. ``spent`` is called here with the seconds of the workers.
    """
    files, problems = _files(sources, how.limits)
    yield from problems
    if files:
        yield from _completed(_events(_tables(files, how, embed, write)), spent)


def _tables(files: Sequence[Source], how: Preparation, embed: Embed, write: Write) -> Iterator[pa.Table]:
    if _few(files, how.limits):
        return here(files, how, embed, write)
    from pipelines.ingest.spread import spread

    return spread(files, how, embed, write)


def _few(files: Sequence[Source], limits: IngestSettings) -> bool:
    return len(files) <= limits.direct_documents and sum(map(_size, files)) <= limits.direct_bytes


def _size(source: Source) -> int:
    """In bytes; 0 where it cannot be told, which reading it will."""
    if source.text is not None:
        return len(source.text)
    try:
        return source.path.lstat().st_size if source.path is not None else 0
    except OSError:
        return 0


def _files(sources: Iterable[Source], limits: IngestSettings) -> tuple[list[Source], list[Problem]]:
    files, problems, seen = list[Source](), list[Problem](), set[str]()
    for source in sources:
        folder = source.path is not None and source.path.is_dir() and not source.path.is_symlink()
        for found in folder_sources(source, limits) if folder else (source,):
            if isinstance(found, Problem):
                problems.append(found)
            elif found.document in seen:
                problems.append(Problem(found.name, "Another source has the same document id.", document=found.document))
            else:
                seen.add(found.document)
                files.append(found)
    return files, problems


def _events(tables: Iterable[pa.Table]) -> Iterator[Event]:
    for table in tables:
        for entry in from_table(table):
            assert not isinstance(entry, Chunk), "chunks end in the second stage"
            yield entry


@dataclass(slots=True)
class _Open:
    """A document that is being written: how many of its chunks are, and, once it is known, all that it should have."""

    chunks: int = 0
    finished: Finished | None = None


def _completed(events: Iterable[Event], spent: Callable[[Spent], None]) -> Iterator[Finished | Problem]:
    """Each document when all its chunks are written. The stages finish batches in any order, so its end may come before its chunks."""
    waiting = dict[str, _Open]()
    for event in events:
        if isinstance(event, Spent):
            spent(event)
            continue
        if isinstance(event, Problem):
            yield event
            continue
        state = waiting.setdefault(event.document, _Open())
        if isinstance(event, Written):
            state.chunks += event.chunks
        else:
            state.finished = event
        if state.finished is not None and state.chunks == state.finished.chunks:
            yield waiting.pop(event.document).finished or state.finished
    assert not waiting, "every document that began is finished"

"""The stages as a Ray Data pipeline: sources in, events out, chunks embedded and written on the way.

    sources -> Preparing (read, parse, recognise, clean, chunk) -> Indexing (embed, write) -> events

Execution streams: blocks are small, each stage runs on a pool of actors, and Ray holds the first back while the second is busy, so memory
does not grow with the number of documents. The same code runs on a laptop and on many nodes. The result does not depend on the order in
which documents are read: a chunk is known by its document and number alone, so writing one again overwrites it, and any run may be
repeated, as Ray does by itself when a worker dies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]
import ray.data
from ray.data import ActorPoolStrategy, DataContext, Dataset, ExecutionResources

from cluster.content.isolated import Isolated
from cluster.contracts.documents import Chunk, Problem
from cluster.errors import EngineError
from cluster.settings import IngestSettings
from pipelines.ingest.prepare import Preparation, prepared
from pipelines.ingest.rows import Event, Finished, Spent, Written, from_table, to_table, written
from pipelines.ingest.stopwatch import Stopwatch
from pipelines.stages.read import Source, folder_sources

Vectors = npt.NDArray[np.float32]
# Texts to one row of a matrix for each.
Embed = Callable[[Sequence[str]], Vectors]
# Chunks with their vectors; parents have none. May be called again with the same chunks, and must then overwrite them.
Write = Callable[[Sequence[Chunk], Sequence[npt.NDArray[np.float32] | None]], None]
SOURCES_PER_BLOCK = 64


def ingest(
    sources: Iterable[Source], how: Preparation, embed: Embed, write: Write, spent: Callable[[Spent], None] = lambda _: None
) -> Iterator[Finished | Problem]:
    """Reads the sources (folders are read with all that is in them), and yields each document when all its chunks are written, and each
    problem. Documents come in no particular order.

    ``embed`` and ``write`` are pickled and called on Ray's workers. What they raise ends the ingestion: that is trouble of the cluster, not
    of a document. Rows of documents that were not yielded may then be written in part; another run completes them. ``spent`` is called here
    with the seconds of the workers.
    """
    files, problems = _files(sources, how.limits)
    yield from problems
    if files:
        yield from _completed(_events(_pipeline(files, how, embed, write)), spent)


class Preparing:
    """The first stage on an actor, with a process for its parsers."""

    def __init__(self, how: Preparation) -> None:
        os.nice(how.limits.niceness)  # the process is this actor's alone, and its parsers'
        self._how = how
        self._process = Isolated(how.limits)

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        entries, size, watch = list[Chunk | Event](), 0, Stopwatch()
        for row in batch.to_pylist():
            for entry in prepared(_source(row), self._how, self._process, watch):
                entries.append(entry)
                size += len(entry.text) if isinstance(entry, Chunk) else 0
                if size * 4 >= self._how.limits.block_bytes:
                    yield to_table(entries)
                    entries, size = [], 0
        yield to_table([*entries, Spent(watch.taken())])


class Indexing:
    """The second stage on an actor: a batch of rows is embedded and written. Equal texts of a batch are embedded once."""

    def __init__(self, embed: Embed, write: Write, niceness: int) -> None:
        os.nice(niceness)
        self._embed, self._write = embed, write

    def __call__(self, batch: pa.Table) -> pa.Table:
        entries = list(from_table(batch))
        chunks, watch = [entry for entry in entries if isinstance(entry, Chunk)], Stopwatch()
        if chunks:
            with watch("embed"):
                vectors = self._vectors(chunks)
            with watch("write"):
                self._write(chunks, vectors)
        return to_table([*written(chunks), *(entry for entry in entries if not isinstance(entry, Chunk)), Spent(watch.taken())])

    def _vectors(self, chunks: Sequence[Chunk]) -> list[npt.NDArray[np.float32] | None]:
        texts = list(dict.fromkeys(chunk.text for chunk in chunks if not chunk.is_parent))
        vectors = self._embed(texts) if texts else np.zeros((0, 0), np.float32)
        if len(vectors) != len(texts):
            raise EngineError(f"The embedding model gave {len(vectors)} vectors for {len(texts)} texts.")
        found = dict(zip(texts, vectors, strict=True))
        return [None if chunk.is_parent else found[chunk.text] for chunk in chunks]


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


def _pipeline(files: Sequence[Source], how: Preparation, embed: Embed, write: Write) -> Dataset:
    limits = how.limits
    blocks = max(-(-len(files) // SOURCES_PER_BLOCK), min(len(files), limits.workers * 8))
    workers = ActorPoolStrategy(min_size=1, max_size=limits.workers)
    with DataContext.current(_context(limits)):
        rows = ray.data.from_items([_row(source) for source in files], override_num_blocks=blocks)
        chunks = rows.map_batches(
            Preparing,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_args=(how,),
            compute=workers,
            num_cpus=limits.worker_cpus,
        )
        return chunks.map_batches(
            Indexing,
            batch_size=limits.embed_batch,
            batch_format="pyarrow",
            fn_constructor_args=(embed, write, limits.niceness),
            compute=workers,
            num_cpus=limits.worker_cpus,
        )


def _context(limits: IngestSettings) -> DataContext:
    context = DataContext.get_current().copy()
    context.target_max_block_size = int(limits.block_bytes)
    context.target_min_block_size = min(context.target_min_block_size, int(limits.block_bytes))
    context.execution_options.resource_limits = ExecutionResources.for_limits(object_store_memory=int(limits.object_store))
    context.enable_progress_bars = False
    return context


def _events(dataset: Dataset) -> Iterator[Event]:
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
        for entry in from_table(batch):
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


def _row(source: Source) -> dict[str, Any]:
    # As bytes: a name may be no text, and a text may hold half characters.
    path = os.fsencode(source.path) if source.path is not None else None
    text = source.text.encode("utf-8", "surrogatepass") if source.text is not None else None
    return {"document": source.document, "name": source.name, "path": path, "text": text, "version": source.version}


def _source(row: dict[str, Any]) -> Source:
    path = Path(os.fsdecode(row["path"])) if row["path"] is not None else None
    text = row["text"].decode("utf-8", "surrogatepass") if row["text"] is not None else None
    return Source(row["document"], row["name"], path, text, row["version"])

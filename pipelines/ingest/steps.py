"""The two stages, each from table to table: wherever they run, what they do is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from cluster.content.isolated import Isolated
from cluster.contracts.documents import Chunk
from cluster.errors import EngineError
from cluster.standing_back import stand_back_entirely
from pipelines.ingest.prepare import Preparation, prepared
from pipelines.ingest.rows import Event, Spent, from_table, to_table, written
from pipelines.ingest.stopwatch import Stopwatch
from pipelines.stages.read import Source

Vectors = npt.NDArray[np.float32]
# Texts to one row of a matrix for each.
Embed = Callable[[Sequence[str]], Vectors]
# Chunks with their vectors; parents have none. May be called again with the same chunks, and must then overwrite them.
Write = Callable[[Sequence[Chunk], Sequence[npt.NDArray[np.float32] | None]], None]


class Preparing:
    """The first: sources to chunks, with a process for the parsers. ``niceness``: how far all of this process, and that one, stand back
    from now on."""

    def __init__(self, how: Preparation, niceness: int = 0) -> None:
        stand_back_entirely(niceness)
        self._how = how
        self._process = Isolated(how.limits)

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        entries, size, watch = list[Chunk | Event](), 0, Stopwatch()
        for row in batch.to_pylist():
            for entry in prepared(source_of(row), self._how, self._process, watch):
                entries.append(entry)
                size += len(entry.text) if isinstance(entry, Chunk) else 0
                if size * 4 >= self._how.limits.block_bytes:
                    yield to_table(entries)
                    entries, size = [], 0
        yield to_table([*entries, Spent(watch.taken())])

    def close(self) -> None:
        """Ends the process of the parsers."""
        self._process.close()


class Indexing:
    """The second: a batch of rows is embedded and written. Equal texts of a batch are embedded once. May be called from several threads,
    where ``embed`` and ``write`` may."""

    def __init__(self, embed: Embed, write: Write, niceness: int = 0) -> None:
        stand_back_entirely(niceness)
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


def row_of(source: Source) -> dict[str, Any]:
    # As bytes: a name may be no text, and a text may hold half characters.
    path = os.fsencode(source.path) if source.path is not None else None
    text = source.text.encode("utf-8", "surrogatepass") if source.text is not None else None
    return {"document": source.document, "name": source.name, "path": path, "text": text, "version": source.version}


def source_of(row: dict[str, Any]) -> Source:
    path = Path(os.fsdecode(row["path"])) if row["path"] is not None else None
    text = row["text"].decode("utf-8", "surrogatepass") if row["text"] is not None else None
    return Source(row["document"], row["name"], path, text, row["version"])

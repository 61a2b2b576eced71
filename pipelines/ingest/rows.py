"""What travels between the stages on Ray: Arrow tables of one schema. A row is a chunk, or carries an event in ``record``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from cluster.contracts.documents import Chunk, Problem
from cluster.text.duplicates import Fingerprint


@dataclass(frozen=True, slots=True)
class Finished:
    """A document of the source ``root`` whose chunks are all written; those of numbers from ``chunks`` on are left over from another
    version. ``unchanged``: it was found to be indexed already, and nothing was done. ``chars``: of its text."""

    document: str
    root: str
    version: int
    path: str
    media_type: str
    content_hash: str
    chunks: int = 0
    chars: int = 0
    pages: int | None = None
    unchanged: bool = False
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Chunks of a document that were written just now."""

    document: str
    chunks: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that a worker spent just now, by stage."""

    seconds: dict[str, float]


Event = Finished | Problem | Written | Spent
KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in (Finished, Problem, Written, Spent)}
CHUNK = "Chunk"
COLUMNS: dict[str, pa.DataType] = {
    "document": pa.string(),
    "version": pa.int64(),
    "number": pa.int64(),
    "text": pa.string(),
    "start": pa.int64(),
    "end": pa.int64(),
    "page": pa.int64(),
    "heading_path": pa.list_(pa.string()),
    "parent": pa.int64(),
    "is_parent": pa.bool_(),
    "turns": pa.list_(pa.list_(pa.int64())),
}
SCHEMA = pa.schema([("kind", pa.string()), ("record", pa.binary()), *COLUMNS.items()])
assert [field.name for field in fields(Chunk)] == list(COLUMNS), "a column for each field of a chunk"


def to_table(entries: Iterable[Chunk | Event]) -> pa.Table:
    """Chunks and events as a table, in their order."""
    return pa.Table.from_pylist([_row(entry) for entry in entries], schema=SCHEMA)


def from_table(table: pa.Table) -> Iterator[Chunk | Event]:
    """The chunks and events of a table, in their order."""
    for row in table.to_pylist():
        kind, record = row.pop("kind"), row.pop("record")
        if kind == CHUNK:
            yield Chunk(**row | {"heading_path": tuple(row["heading_path"]), "turns": tuple((at, page) for at, page in row["turns"])})
        else:
            yield KINDS[kind].validate_json(record)


def written(chunks: Sequence[Chunk]) -> list[Written]:
    """How many chunks of each document these are."""
    counts = dict[str, int]()
    for chunk in chunks:
        counts[chunk.document] = counts.get(chunk.document, 0) + 1
    return [Written(document, count) for document, count in counts.items()]


def _row(entry: Chunk | Event) -> dict[str, object]:
    if isinstance(entry, Chunk):
        return {"kind": CHUNK, **asdict(entry)}
    kind = type(entry).__name__
    return {"kind": kind, "record": KINDS[kind].dump_json(entry)}

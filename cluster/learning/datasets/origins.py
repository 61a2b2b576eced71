"""Where examples come from: for each kind of source, who reads it.

A new kind is a line of ORIGINS.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from cluster.batches.files import Files, file_store
from cluster.batches.names import file_id_of, file_name
from cluster.batches.tables import FileRow
from cluster.errors import Unprocessable
from cluster.home import Home
from cluster.learning.datasets.recipe import Recipe, UploadSource
from cluster.learning.example import Example, Source
from cluster.learning.feedback import examples as feedback
from cluster.learning.labels.examples import examples as labels
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession, Database

# Files with other purposes were not given to learn from.
PURPOSE = "fine-tune"


@dataclass(frozen=True, slots=True)
class Line:
    """One of an uploaded file, as it was written. ``place``: what people know it by. ``raw`` None: it is too long."""

    source: Source
    place: str
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Library:
    """What origins read from."""

    database: Database
    settings: Settings
    organisation_id: uuid.UUID


# All that a source gives, in its order. Raises what says that it cannot be read.
Origin = Callable[[Library, Any], AsyncIterator[Example | Line]]


class Door(Protocol):
    """Examples of an organisation that may be learnt from."""

    def __call__(
        self, session: AsyncSession, organisation_id: uuid.UUID, *, since: datetime | None = None, tasks: list[str] | None = None
    ) -> AsyncIterator[Example]: ...


def from_door(door: Door) -> Origin:
    """One that reads what is behind a door."""

    async def read(library: Library, spec: Any) -> AsyncIterator[Example | Line]:
        async with library.database.session() as session:
            async for example in door(session, library.organisation_id, since=spec.since, tasks=spec.tasks):
                yield example

    return read


async def uploads(library: Library, spec: UploadSource) -> AsyncIterator[Example | Line]:
    """Lines of a file; whoever uploaded it counts as whose words they are."""
    async with library.database.session() as session:
        row = await uploaded(session, library.organisation_id, spec.file_id)
    longest = int(library.settings.datasets.line_bytes)
    with file_store(Home(library.settings.home)).open(row.organisation_id, row.id) as file:
        for number, raw in _lines(file, longest):
            source = Source(kind="upload", id=f"{file_name(row.id)}:{number}", user_id=str(row.owner_id))
            yield Line(source, f"{row.filename}, line {number}", raw)


async def uploaded(session: AsyncSession, organisation_id: uuid.UUID, name: str) -> FileRow:
    """Raises NotFound, and Unprocessable for a file that is empty or for something else."""
    row = await Files(session).get(organisation_id, file_id_of(name))
    if row.purpose != PURPOSE:
        raise Unprocessable(f"The file '{row.filename}' has the purpose '{row.purpose}'; upload it with '{PURPOSE}'.").about("sources")
    if row.bytes == 0:
        raise Unprocessable(f"The file '{row.filename}' is empty; it must hold one example to a line.").about("sources")
    return row


ORIGINS: Mapping[str, Origin] = {"upload": uploads, "feedback": from_door(feedback), "label": from_door(labels)}


async def check_sources(session: AsyncSession, organisation_id: uuid.UUID, recipe: Recipe, origins: Mapping[str, Origin] = ORIGINS) -> None:
    """Raises Unprocessable and NotFound for what could not be read anyway."""
    for source in recipe.sources:
        if source.kind not in origins:
            raise Unprocessable(f"There is nothing of the kind '{source.kind}' here; there is {', '.join(sorted(origins))}.").about(
                "sources"
            )
        if isinstance(source, UploadSource):
            await uploaded(session, organisation_id, source.file_id)


def _lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes | None]]:
    """Number, from 1, and bytes of each line that is not blank; None for one of more than ``longest`` bytes, which is never held."""
    number = 0
    while raw := file.readline(longest + 1):
        number += 1
        whole = raw.endswith(b"\n") or len(raw) <= longest
        while not raw.endswith(b"\n") and (rest := file.readline(2**16)):
            raw = rest
        if not whole:
            yield number, None
        elif raw.strip():
            yield number, raw.rstrip(b"\r\n")

"""Where the items of the task are, which nobody trained on."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from cluster.batches.files import Files, file_store
from cluster.batches.names import file_id_of, file_name
from cluster.errors import NotFound
from cluster.home import Home
from cluster.learning.datasets import load
from cluster.stores.sql import AsyncSession, Database


class HeldOutFile(BaseModel):
    """A file of ``/v1/files``, one ``Example`` to a line. ``sha256``: of what it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["file"] = "file"
    file: str
    sha256: str


class HeldOutVersion(BaseModel):
    """What a version of a dataset holds out. ``sha256``: of the version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dataset"] = "dataset"
    dataset: uuid.UUID
    version: int
    sha256: str


HeldOut = HeldOutFile | HeldOutVersion
HELD_OUT: TypeAdapter[HeldOutFile | HeldOutVersion] = TypeAdapter(Annotated[HeldOutFile | HeldOutVersion, Field(discriminator="kind")])


async def of_file(session: AsyncSession, organisation_id: uuid.UUID, file: str) -> HeldOutFile:
    """Raises NotFound, also for a file of another organisation."""
    row = await Files(session).get(organisation_id, file_id_of(file))
    return HeldOutFile(file=file_name(row.id), sha256=row.sha256)


async def of_dataset(
    session: AsyncSession, home: Home, organisation_id: uuid.UUID, dataset: uuid.UUID | str, version: int | None
) -> HeldOutVersion:
    """``version`` None: the latest. Raises NotFound, and Conflict for one that holds words that were erased."""
    found = await load(session, organisation_id, dataset, version, home=home)
    return HeldOutVersion(dataset=found.dataset_id, version=found.version, sha256=found.sha256)


async def path_of(database: Database, home: Home, organisation_id: uuid.UUID, held_out: HeldOut) -> Path:
    """Where its items can be read. Raises NotFound where they are no more, Conflict where words in them were erased meanwhile."""
    async with database.session() as session:
        if isinstance(held_out, HeldOutVersion):
            return (await load(session, organisation_id, held_out.dataset, held_out.version, home=home)).path_held_out
        row = await Files(session).get(organisation_id, file_id_of(held_out.file))
    path = file_store(home).path(organisation_id, row.id)
    if not await asyncio.to_thread(path.is_file):
        raise NotFound(f"The bytes of {held_out.file} are no longer there; upload the items again.")
    return path

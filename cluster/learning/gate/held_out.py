"""Where the items of the task are, which nobody trained on."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cluster.batches.files import Files, file_store
from cluster.batches.names import file_id_of, file_name
from cluster.errors import NotFound
from cluster.home import Home
from cluster.stores.sql import AsyncSession, Database


class HeldOut(BaseModel):
    """``file``: a file of ``/v1/files``, one ``Example`` to a line. ``sha256``: of what it held when the verdict was asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sha256: str


async def held_out_of(session: AsyncSession, organisation_id: uuid.UUID, file: str) -> HeldOut:
    """Raises NotFound, also for a file of another organisation."""
    row = await Files(session).get(organisation_id, file_id_of(file))
    return HeldOut(file=file_name(row.id), sha256=row.sha256)


async def path_of(database: Database, home: Home, organisation_id: uuid.UUID, held_out: HeldOut) -> Path:
    """Where its items can be read. Raises NotFound where they are no more."""
    async with database.session() as session:
        row = await Files(session).get(organisation_id, file_id_of(held_out.file))
    path = file_store(home).path(organisation_id, row.id)
    if not await asyncio.to_thread(path.is_file):
        raise NotFound(f"The bytes of {held_out.file} are no longer there; upload the items again.")
    return path

"""Folders of what was learned from that no row names any more: of organisations that are gone, and of datasets whose owner was erased.

Rows go with their organisation or owner by themselves; files do not. Whoever removes rows removes the files at once where it can; this
finds what is left, also after a crash in between.
"""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy import column, select, table

from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.tables import Dataset
from cluster.learning.tuning.folders import tunings
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

# A table of the API, as far as it is read here.
_ORGANISATIONS = table("organisations", column("id"))


async def sweep_leftovers(database: Database, home: Home, older_s: float) -> int:
    """Removes such folders that were last written to more than ``older_s`` seconds ago; how many there were."""
    roots = (home.adapters, home.workspaces, tunings(home), DatasetFolders(home).root)
    before = time.time() - older_s
    # Looked for before the rows: what is made in between is not among them.
    organisations = await asyncio.to_thread(lambda: [path for root in roots for path in _named_by_ids(root, before)])
    datasets = await asyncio.to_thread(lambda: [path for above in _named_by_ids(roots[-1], None) for path in _named_by_ids(above, before)])
    async with database.session() as session:
        there = set(await session.scalars(select(_ORGANISATIONS.c.id).where(_ORGANISATIONS.c.id.in_(_ids(organisations)))))
        kept = set(await session.scalars(select(Dataset.id).where(Dataset.id.in_(_ids(datasets)))))
    gone = [path for path in organisations if uuid.UUID(path.name) not in there]
    gone += [path for path in datasets if uuid.UUID(path.name) not in kept and path.parent not in gone]
    for path in gone:
        await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
    if gone:
        log.info("folders that nothing names were removed", folders=len(gone))
    return len(gone)


def _named_by_ids(root: Path, before: float | None) -> Iterator[Path]:
    """Folders in ``root``. Blocking."""
    for path in root.glob("*"):
        with suppress(ValueError, FileNotFoundError):
            uuid.UUID(path.name)
            if path.is_dir() and not path.is_symlink() and (before is None or path.stat().st_mtime < before):
                yield path


def _ids(paths: Collection[Path]) -> list[uuid.UUID]:
    return [uuid.UUID(path.name) for path in paths]

"""One run of a connector, from a source into a collection.

The job's spec is ``{"connector", "options", "collection", "items", "most"}``. Each item is entered by itself, so a run that is cut off goes
on with what it had not brought: what was brought is unchanged at its source. Another job ingests it meanwhile.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

from anyio import to_thread

from cluster.connectors.bringing import Bringing, Goal, source_of
from cluster.connectors.opening import opened
from cluster.files import FileStore
from cluster.home import Home
from cluster.jobs.work import Result, Work
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker, Journal
from cluster.secrets.source import SecretSource
from cluster.stores.sql import Database
from cluster.stores.urls import database_url

UNIT = "items"


def connect(work: Work) -> Result:
    """The result: how many items were ``new``, ``changed``, ``unchanged`` and ``failed``; the log has why."""
    return asyncio.run(_connect(work))


async def _connect(work: Work) -> Result:
    database = Database(database_url(work.settings), work.settings.storage)
    outgoing = Outgoing(work.settings, Journal(database))
    home = Home(work.settings.home)
    try:
        return await _run(work, database, outgoing, home)
    finally:
        await outgoing.close()
        await database.close()


async def _run(work: Work, database: Database, outgoing: Outgoing, home: Home) -> Result:
    spec = work.spec
    asker = Asker(work.organisation_id, work.owner_id, f"connector:{spec['connector']}", job_id=work.id)
    goal = Goal(
        uuid.UUID(spec["collection"]),
        work.organisation_id,
        work.owner_id,
        source_of(spec["connector"], spec["options"]),
        spec.get("items", ()),
        spec["most"],
    )
    secrets = SecretSource.of(database, home)
    async with opened(spec["connector"], spec["options"], asker, settings=work.settings, outgoing=outgoing, secrets=secrets) as source:
        await to_thread.run_sync(work.progress, 0, None, UNIT, "looking at the source")
        return dict(await Bringing(database, FileStore(home.documents), work.settings, goal, _Telling(work)).run(source))


class _Telling:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, counts: Counter[str], remark: str) -> None:
        """Raises Cancelled when the job is to stop."""
        await to_thread.run_sync(self._said, counts.total(), remark)

    def _said(self, done: int, remark: str) -> None:
        if remark:
            self._work.log(remark)
        self._work.progress(done, None, UNIT, "bringing in")

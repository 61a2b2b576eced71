"""The job itself, as a process of its own."""

from __future__ import annotations

import asyncio
import sys

import pytest
from sqlalchemy import select

from cluster.connectors.tables import BroughtItem
from cluster.fakes.outside import Outside
from cluster.home import REPOSITORY, Home
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.states import JobState
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.knowledge.tables import Collection, DocumentRow
from cluster.runtime.launch import launch_file, read_launch
from cluster.secrets.keyring import KeyRing
from cluster.secrets.source import about
from cluster.secrets.tables import Secret, SecretVersion
from cluster.settings import ConnectorSettings, OutgoingSettings
from tests.api.fixtures.people import add_person
from tests.cluster.jobs.house import quick_settings
from tests.patience import PATIENCE_S

PAGE = ("text/html", "<!doctype html><html><body>High at noon.</body></html>")


@pytest.fixture
async def outside():
    async with Outside(pages={"/": PAGE, "/a": PAGE}) as server:
        yield server


async def test_a_job_brings_pages_in_with_a_secret_and_says_what_it_could_not(tmp_path, store_settings, stores, outside):
    quick = quick_settings(tmp_path, store_settings)
    places = OutgoingSettings(allowed=(f"127.0.0.1:{outside.port}",), first_wait_s=0.01)
    settings = quick.model_copy(update={"outgoing": places, "connectors": ConnectorSettings(delay_s=0)})
    told = read_launch(Home(tmp_path)).model_copy(update={"settings": settings})
    launch_file(Home(tmp_path)).write_text(told.model_dump_json())
    person = await add_person(stores)
    owned = {"organisation_id": person.organisation_id, "owner_id": person.user_id}
    secret = Secret(**owned, name="PAGES", description="", version=1)
    row = Collection(**owned, name="bay", embedding_model="m", chunking={}, space=None)
    version, sealed = KeyRing(Home(tmp_path).keys / "secrets.key").seal("hush", about(person.organisation_id, "PAGES", 1))
    async with stores.database.session() as session:
        session.add_all([secret, row])
        await session.flush()
        session.add(SecretVersion(secret_id=secret.id, version=1, key_version=version, sealed=sealed))
        options = {"urls": [f"{outside.url}/", f"{outside.url}/none", f"{outside.url}/a"], "bearer": "secret:PAGES"}
        spec = {"connector": "web", "options": options, "collection": str(row.id), "items": [], "most": 100}
        job = await Jobs(session).enqueue(NewJob("connect", person.organisation_id, person.user_id, spec), JOB_KINDS, settings.jobs)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pipelines.connect", str(job.id), "--home", str(tmp_path), cwd=REPOSITORY
    )
    async with asyncio.timeout(PATIENCE_S):
        await process.wait()  # what it ends with depends on how soon it does (jobs.exit_grace_s)
    async with stores.database.session() as session:
        ended = await Jobs(session).get(person.organisation_id, job.id)
    assert (ended.state, ended.error) == (JobState.SUCCEEDED.value, None)
    assert ended.result == {"new": 2, "changed": 0, "unchanged": 0, "failed": 1}
    async with stores.database.session() as session:
        paths = await session.scalars(select(DocumentRow.path).where(DocumentRow.collection_id == row.id))
        assert sorted(path.partition("/")[2] for path in paths) == ["a.html", "index.html"]
        assert len(list(await session.scalars(select(BroughtItem).where(BroughtItem.collection_id == row.id)))) == 2
        log = [event.data["text"] for event in await Jobs(session).events(job.id, 0, 100, "log")]
        waiting = await session.scalar(select(Job).where(Job.organisation_id == person.organisation_id, Job.kind == "ingest"))
    assert len(log) == 1
    assert "There is nothing at" in log[0]
    assert waiting is not None
    assert {headers["Authorization"] for _, headers in outside.seen} == {"Bearer hush"}

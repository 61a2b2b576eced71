"""What looks after batches and files: nothing stays open for ever, and nothing lies about."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import update

from cluster.batches.files import file_store
from cluster.batches.tables import FileRow
from cluster.home import Home
from cluster.settings import FileSettings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.batching import asking

ONE = [asking("hello", "a")]


async def past(stores: StoreClients, table: type[FileRow], **where: Any) -> None:
    async with stores.database.session() as session:
        await session.execute(update(table).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)).filter_by(**where))


async def test_a_batch_cancelled_before_its_job_began_ends(made):
    async with made() as world:
        batch = await world.begin(ONE)
        assert (await world.ai.batches.cancel(batch.id)).status == "cancelling"
        await world.app.state.batches.turn()
        done = await world.ai.batches.retrieve(batch.id)
        assert (done.status, done.output_file_id, done.error_file_id) == ("cancelled", None, None)
        assert done.cancelled_at >= done.cancelling_at
        assert (await world.ai.batches.cancel(batch.id)).status == "cancelled"


async def test_a_batch_whose_turn_never_came_expires(made):
    async with made(window_s=0.001) as world:
        batch = await world.begin(ONE)
        await world.app.state.batches.turn()
        assert (await world.ai.batches.retrieve(batch.id)).status == "expired"


async def test_a_file_past_its_time_is_gone_unless_a_batch_reads_it(made, stores):
    async with made() as world:
        gone, kept = await world.upload(["x"]), await world.begin(ONE)
        await past(stores, FileRow, organisation_id=world.person.organisation_id)
        assert (await world.ai.files.list()).data == []
        await world.app.state.batches.sweep()
        names = {path.name.replace("-", "") for path in (world.settings.home / "files").rglob("*") if path.is_file()}
        assert names == {kept.input_file_id.removeprefix("file-")}
        assert gone.removeprefix("file-") not in names


async def test_bytes_without_a_row_are_swept_when_they_are_old(made):
    async with made(files=FileSettings(unclaimed_s=3600)) as world:
        kept = await world.upload(["x"])
        store = file_store(Home(world.settings.home))
        left, young = (store.write(world.person.organisation_id, io.BytesIO(b"x")) for _ in range(2))
        for path in (store.path(world.person.organisation_id, left.id), *(world.settings.home / "files").rglob(f"*{kept[-12:]}")):
            os.utime(path, (1, 1))
        await world.app.state.batches.sweep()
        there = {path.name for path in (world.settings.home / "files").rglob("*") if path.is_file()}
        assert str(left.id) not in there
        assert str(young.id) in there
        assert len(there) == 2


async def test_a_job_that_is_cancelled_as_a_job_cancels_its_batch(made):
    async with made() as world:
        batch = await world.begin(ONE)
        async with httpx.AsyncClient(base_url=world.base_url, headers=world.person.headers) as client:
            (job,) = (await client.get("/api/v1/jobs")).json()["data"]["jobs"]
            await client.post(f"/api/v1/jobs/{job['id']}/cancel")
        await world.app.state.batches.turn()
        assert (await world.ai.batches.retrieve(batch.id)).status == "cancelled"

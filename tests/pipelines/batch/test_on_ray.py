"""A batch on a real Ray with its job server, as a cluster runs it."""

from __future__ import annotations

from pathlib import Path

from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.jobs.ray_jobs import RayJobs
from cluster.runtime.environment import auth_token
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.batching import asking, batch_settings, working, world
from tests.cluster.jobs.house import forget_jobs
from tests.cluster.jobs.test_ray_jobs import ray_dashboard as ray_dashboard


async def test_a_batch_is_a_ray_job(ray_dashboard: tuple[str, str], stores: StoreClients, store_settings: Settings, tmp_path: Path):
    address, token = ray_dashboard
    await forget_jobs(stores)
    home = Home(tmp_path)
    home.keys.mkdir()
    auth_token(home).write_text(token)
    settings = batch_settings(tmp_path, store_settings)
    async with world(settings, stores, FakeGateway(), RayJobs(home, 30), dashboard_url=address) as made, working(made):
        batch = await made.begin([asking(f"number {number}", f"n{number}") for number in range(10)])
        done = await made.until(batch, "completed", "failed")
        assert done.status == "completed", done
        assert await made.job_ended() == "succeeded"
        assert [line["custom_id"] for line in await made.lines(done.output_file_id)] == [f"n{number}" for number in range(10)]
    await forget_jobs(stores)

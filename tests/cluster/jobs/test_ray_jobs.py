"""Jobs on a real Ray with its job server: processes and dispatchers are killed, and each job ends once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.errors import Unavailable
from cluster.home import REPOSITORY, Home
from cluster.jobs.ray_jobs import RayJobs
from cluster.jobs.runner import Process
from cluster.runtime.environment import auth_token
from cluster.runtime.ports import free_ports
from cluster.runtime.state import RunState, write_state
from tests.cluster.jobs.house import House, numbers
from tests.conftest import RAY_ENVIRONMENT

START_S = 120
_DISPATCHER = """
import asyncio, sys
from cluster.home import Home
from cluster.jobs.dispatcher import Dispatcher
from cluster.jobs.ray_jobs import RayJobs
from cluster.settings import Settings
from cluster.stores.clients import connect
from tests.cluster.jobs.house import KINDS

async def main():
    settings = Settings.model_validate_json(sys.argv[1])
    runner = RayJobs(Home(settings.home), 30)
    await Dispatcher(connect(settings).database, runner, settings, KINDS).start()
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def ray_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of the job server of a Ray node of this module's own, and the token that opens it."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-test-"))
    token = tmp_path_factory.mktemp("token") / "ray.token"
    token.write_text("f" * 64)
    token.chmod(0o600)
    gcs, dashboard, client, grpc, agent = free_ports(5)
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    env = {key: value for key, value in os.environ.items() if not key.startswith(("HEARTH_", "RAY_"))} | RAY_ENVIRONMENT | guarded
    words = f"""start --head --block --port={gcs} --dashboard-port={dashboard} --dashboard-host=127.0.0.1 --ray-client-server-port={client}
        --dashboard-agent-grpc-port={grpc} --dashboard-agent-listen-port={agent} --node-ip-address=127.0.0.1 --num-cpus=2 --num-gpus=0
        --object-store-memory={80 * 2**20} --temp-dir={folder} --include-dashboard=true""".split()
    log = (folder / "start.log").open("wb")
    command = [str(Path(sys.executable).with_name("ray")), *words]
    node = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{dashboard}"
    try:
        _wait_for(address, token.read_text(), node)
        yield address, token.read_text()
    finally:
        _end(node)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(address: str, token: str, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and node.poll() is None:
        try:
            answer = httpx.get(f"{address}/api/jobs/", headers={"Authorization": f"Bearer {token}"}, timeout=5)
            if answer.is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError("Ray did not start")


def _end(node: subprocess.Popen[bytes]) -> None:
    """The node's processes, and only those."""
    family = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
    node.terminate()
    _, alive = psutil.wait_procs(family, timeout=15)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    node.wait()


@pytest.fixture
async def ray_house(house: House, ray_dashboard: tuple[str, str]) -> House:
    """A house whose home knows that Ray."""
    address, token = ray_dashboard
    home = Home(house.settings.home)
    home.keys.mkdir()
    auth_token(home).write_text(token)
    state = RunState(pid=os.getpid(), phase="ready", profile="tests", base_url="http://localhost", dashboard_url=address, started_at=0)
    write_state(home, state)
    return house


@pytest.fixture
async def ray_jobs(ray_house: House) -> AsyncIterator[RayJobs]:
    jobs = RayJobs(Home(ray_house.settings.home), 30)
    yield jobs
    await jobs.close()


async def over(jobs: RayJobs, submission_id: str) -> Process:
    """What Ray says of it once it has ended."""
    async with asyncio.timeout(60):
        while (process := await jobs.look(submission_id)) is None or process.alive:  # noqa: ASYNC110 - Ray has no event for it
            await asyncio.sleep(0.1)
        return process


async def test_a_job_is_a_ray_job_under_its_id(ray_house: House, ray_jobs: RayJobs):
    job = await ray_house.add(most=2)
    async with ray_house.dispatching(ray_jobs):
        ended = await ray_house.until(job, "succeeded")
    assert ended.submission_id == f"{job.id}-1"
    assert "SUCCEEDED" in (await over(ray_jobs, ended.submission_id)).message


async def test_submitting_twice_is_one_job_and_an_unknown_one_is_none(ray_house: House, ray_jobs: RayJobs):
    file = ray_house.folder / "once.txt"
    for _ in range(2):
        await ray_jobs.submit("once", ["sh", "-c", f"echo once >> {file}; sleep 600"], {"kind": "test"})
    async with asyncio.timeout(60):
        while not file.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.1)
    await ray_jobs.stop("once")
    assert "STOPPED" in (await over(ray_jobs, "once")).message
    assert file.read_text() == "once\n"
    assert await ray_jobs.look("never") is None
    await ray_jobs.stop("never")


async def test_a_killed_ray_job_goes_on_in_another(ray_house: House, ray_jobs: RayJobs):
    job = await ray_house.add(most=30, pace_s=0.1)
    async with ray_house.dispatching(ray_jobs):
        await ray_house.until_so(job, lambda now: now.done > 3)
        os.kill(numbers(job)[0][1], signal.SIGKILL)
        ended = await ray_house.until(job, "succeeded")
    assert ended.result == {"counted": 30, "attempts": 2}
    assert sorted({number for number, *_ in numbers(job)}) == list(range(30))
    assert len(numbers(job)) <= 31, "at most the number it was at is counted again"


async def test_when_a_dispatchers_process_is_killed_another_takes_over(ray_house: House, ray_jobs: RayJobs):
    first, second = [await ray_house.add(most=40, pace_s=0.1) for _ in range(2)]
    third = await ray_house.add(most=2)
    command = [sys.executable, "-c", _DISPATCHER, ray_house.settings.model_dump_json()]
    env = {key: value for key, value in os.environ.items() if not key.startswith("HEARTH_")} | {"PYTHONPATH": str(REPOSITORY)}
    other = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, env=env)
    try:
        await ray_house.until_so(first, lambda now: now.done > 0)
    finally:
        other.kill()
        await other.wait()
    assert (await ray_house.look(third)).state == "queued", "two at once for each organisation"
    async with ray_house.dispatching(ray_jobs):
        ended = [await ray_house.until(job, "succeeded") for job in (first, second, third)]
    assert [job.attempt for job in ended] == [1, 1, 1]
    assert [len(numbers(job)) for job in ended] == [40, 40, 2]


async def test_jobs_wait_while_ray_is_not_there(house: House, tmp_path: Path):
    jobs = RayJobs(Home(house.settings.home), 5)
    with pytest.raises(Unavailable, match="not running"):
        await jobs.look("any")
    job = await house.add()
    async with house.dispatching(jobs):
        await house.until(job, "running")
    assert (await house.look(job)).started_at is None
    await jobs.close()

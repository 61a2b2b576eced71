from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cluster.fakes.outside import Outside
from cluster.runtime.ports import free_ports
from cluster.settings import OutgoingSettings, Settings
from cluster.stores.clients import StoreClients
from cluster.vectors import VectorStore
from tests.api.fixtures.index import index
from tests.cluster.tools.bench import Bench, benched
from tests.cluster.tools.mcp_bench import GOOD, Servers
from tests.patience import PATIENCE_S


@pytest.fixture
def vectors() -> Iterator[VectorStore]:
    with index() as found:
        yield found


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with Outside() as server:
        yield server


@pytest.fixture
async def bench(
    stores: StoreClients, store_settings: Settings, vectors: VectorStore, outside: Outside, tmp_path: Path
) -> AsyncIterator[Bench]:
    """Tools of an organisation of one's own, which may reach ``outside``."""
    outgoing = OutgoingSettings.model_validate({"allowed": (f"127.0.0.1:{outside.port}",), "first_wait_s": 0.01, "timeout_s": 5})
    settings = store_settings.model_copy(update={"outgoing": outgoing})
    async with benched(stores, settings, vectors, tmp_path / f"workspaces-{uuid.uuid4().hex}") as found:
        yield found


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """Of a good server over HTTP."""
    number = free_ports(1)[0]
    process = subprocess.Popen([sys.executable, GOOD, str(number)])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{number}/")
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            assert process.poll() is None
    yield number
    process.kill()
    process.wait()


@pytest.fixture
async def servers(bench: Bench, port: int) -> AsyncIterator[Servers]:
    found = Servers(bench, port)
    yield found
    await found.tools.close()
    await found.outgoing.close()


@pytest.fixture(params=["stdio", "http"])
async def good(request: pytest.FixtureRequest, servers: Servers) -> Servers:
    if request.param == "stdio":
        await servers.good()
    else:
        await servers.add("good", url=f"http://127.0.0.1:{servers.port}/mcp")
    return servers

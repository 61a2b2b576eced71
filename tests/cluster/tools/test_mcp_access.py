"""What MCP servers are given, and which of them are spoken to at all."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select

from cluster.errors import AddressRefused, Forbidden
from cluster.outgoing.tables import OutgoingRequest
from cluster.settings import ToolSettings
from cluster.tools.remote.servers import check_environment, check_place
from tests.cluster.tools.mcp_bench import Servers, keep_secret


async def test_a_program_gets_its_secrets_and_nothing_of_our_environment(servers: Servers) -> None:
    await keep_secret(servers.bench, "TOKEN", "s3cr3t-value")
    os.environ["HEARTH_TEST_OF_TOOLS"] = "private"
    try:
        await servers.good(environment={"TOKEN": "Bearer secret:TOKEN"})
        given = (await servers.call("good__surroundings")).value
    finally:
        del os.environ["HEARTH_TEST_OF_TOOLS"]

    assert given["TOKEN"] == "Bearer ***", "a secret does not come back in a result"
    assert set(given) - {"TOKEN", "cwd", "pid", "LC_CTYPE"} == {"PATH", "LANG", "HOME", "TMPDIR"}
    assert given["cwd"] == given["HOME"]
    assert "s3cr3t" not in str([(row.arguments, row.result) for row in await servers.bench.rows()])


async def test_secrets_go_in_headers_and_requests_stand_in_the_journal(servers: Servers) -> None:
    await keep_secret(servers.bench, "KEY", "an0ther-value")
    await servers.add("good", url=f"http://127.0.0.1:{servers.port}/mcp", headers={"X-Key": "secret:KEY"})

    assert (await servers.call("good__surroundings")).value["x-key"] == "***"
    await servers.tools.close()
    chosen = select(OutgoingRequest).where(OutgoingRequest.organisation_id == servers.bench.person.organisation_id)
    async with servers.bench.stores.database.session() as session:
        requests = list(await session.scalars(chosen))
    assert {request.purpose for request in requests} == {"mcp:good"}
    assert all(request.finished_at is not None and request.address == "127.0.0.1" for request in requests)
    assert {request.status for request in requests} <= {200, 202, 404, 405, 400}
    assert "an0ther" not in str([vars(request) for request in requests])


async def test_a_secret_that_is_not_there_is_named(servers: Servers) -> None:
    await servers.good(environment={"TOKEN": "secret:NOTHING"})

    assert await servers.names() == set()
    assert "NOTHING" in str((await servers.get("good")).problem)


async def test_an_address_that_may_not_be_asked_is_not(servers: Servers) -> None:
    servers.configure(reachable=False)
    row = await servers.add("good", url=f"http://127.0.0.1:{servers.port}/mcp")

    with pytest.raises(AddressRefused, match=r"outgoing\.allowed"):
        await servers.remote.refresh(row)
    assert "outgoing.allowed" in str((await servers.get("good")).problem)


async def test_a_program_that_the_operator_did_not_name_is_not_run(servers: Servers) -> None:
    row = await servers.add("shell", command="/bin/sh", arguments=["-c", "touch /tmp/x"])

    with pytest.raises(Forbidden, match=r"tools\.commands"):
        await servers.remote.refresh(row)
    for name in ("LD_PRELOAD", "PYTHONPATH", "node_options", "PATH", "BASH_ENV"):
        with pytest.raises(Forbidden, match="code"):
            check_environment([name])
    with pytest.raises(AddressRefused, match="header"):
        check_place("https://example.org/mcp?api_key=1", None, ToolSettings())
    check_place("https://example.org/mcp?team=1", None, ToolSettings())

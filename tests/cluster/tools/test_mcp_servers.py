"""Tools of MCP servers: found, called, and bounded; and the connections to them."""

from __future__ import annotations

import asyncio
import uuid

import psutil
import pytest

from cluster.errors import DeadlineExceeded, NotFound, RemoteFailed
from cluster.tools.remote.listing import spec_name
from tests.cluster.tools.mcp_bench import Servers
from tests.patience import PATIENCE_S


async def test_a_servers_tools_are_found_and_called(good: Servers) -> None:
    specs = {spec.name: spec for spec in await good.remote.specs(good.bench.person.organisation_id)}

    assert {"good__add", "good__say", "good__picture"} <= set(specs)
    added = specs["good__add"]
    assert (added.source, added.category, added.role) == ("good", "mcp:good", "editor")
    assert (added.effects, added.dangerous) == ("once", True), "what an untrusted server says of itself is not believed"
    result = await good.call("good__add", a=2, b=3)
    assert (result.value, result.failed, result.cut) == ({"total": 5}, False, False)
    assert (await good.call("good__say", text="Moin")).value == {"result": "Moin"}
    odd = next(name for name in specs if name.startswith("good__odd"))
    assert (await good.call(odd)).text == "odd"
    refused = await good.call("good__refuse")
    assert refused.failed
    assert "It cannot be done." in refused.text
    row = (await good.bench.rows())[0]
    assert (row.tool, row.source, row.outcome) == ("good__refuse", "good", "failed")


async def test_pictures_become_files_of_the_workspace(good: Servers) -> None:
    result = await good.call("good__picture")

    (picture,) = result.value
    assert (picture["media_type"], picture["bytes"]) == ("image/png", 15)
    files = good.workspaces.of(good.bench.person.organisation_id, "run-1")
    assert files.read(picture["path"]).startswith(b"\x89PNG")
    assert "base64" not in result.text


async def test_a_call_takes_no_longer_than_it_may_and_the_connection_goes_on(good: Servers) -> None:
    good.configure(timeout_s=30)
    await good.names()
    await good.change("good", timeout_s=0.3)
    with pytest.raises(DeadlineExceeded):
        await good.call("good__wait", seconds=60)
    await good.change("good", timeout_s=None)
    assert (await good.call("good__say", text="still here")).value == {"result": "still here"}
    calls = [good.call("good__say", text=str(number)) for number in range(20)]
    assert [result.value["result"] for result in await asyncio.gather(*calls)] == [str(number) for number in range(20)]


async def test_a_cancelled_call_leaves_the_connection_as_it_was(good: Servers) -> None:
    await good.names()
    task = asyncio.create_task(good.call("good__wait", seconds=60))
    async with asyncio.timeout(PATIENCE_S):
        while not await good.bench.rows():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await good.bench.rows())[0].outcome == "cancelled"
    assert (await good.call("good__say", text="x")).value == {"result": "x"}


async def test_tools_that_come_later_are_noticed(servers: Servers) -> None:
    await servers.good()
    assert "good__more" not in await servers.names()

    await servers.call("good__grow")
    await servers.until(lambda names: "good__more" in names)

    assert (await servers.call("good__more")).value == {"result": "more"}


async def test_what_is_trusted_says_itself_what_it_does(servers: Servers) -> None:
    await servers.good(trusted=True, role="viewer")
    specs = {spec.name: spec for spec in await servers.remote.specs(servers.bench.person.organisation_id)}

    assert (specs["good__add"].effects, specs["good__add"].dangerous) == ("none", False)
    assert (specs["good__say"].effects, specs["good__say"].dangerous) == ("once", True)
    assert specs["good__add"].role == "viewer"


async def test_lists_of_tools_bound_what_is_taken(servers: Servers) -> None:
    await servers.good(allow=["a*", "s*"], deny=["say"])
    assert await servers.names() == {"good__add", "good__surroundings"}
    with pytest.raises(NotFound, match="good__"):
        await servers.call("good__say", text="x")

    await servers.change("good", enabled=False)
    assert await servers.names() == set()
    with pytest.raises(NotFound):
        await servers.call("good__add", a=1, b=2)


async def test_a_server_that_is_gone_is_started_again(servers: Servers) -> None:
    await servers.good()
    with pytest.raises(RemoteFailed, match="exit code 3"):
        await servers.call("good__die")
    assert (await servers.call("good__say", text="back")).value == {"result": "back"}


async def test_what_nobody_calls_is_closed(servers: Servers) -> None:
    servers.configure(idle_s=2)
    await servers.good()
    pid = int((await servers.call("good__surroundings")).value["pid"])

    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not psutil.pid_exists(pid):
                break
            await asyncio.sleep(0.05)
    assert int((await servers.call("good__surroundings")).value["pid"]) != pid


async def test_a_program_that_stays_is_ended_with_its_children(servers: Servers) -> None:
    mark = uuid.uuid4().hex
    await servers.bad("children", mark)
    await servers.call("bad__go")
    assert any(mark in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))

    await servers.tools.close()

    assert not [process for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or ())]


async def test_an_old_server_that_does_not_survive_the_first_question_is_asked_otherwise(servers: Servers) -> None:
    await servers.bad("fragile")
    assert (await servers.call("bad__go")).text == "fragile"


def test_names_are_fit_for_models_and_stay_different() -> None:
    assert spec_name("good", "add") == "good__add"
    names = [spec_name("good", name) for name in ("a.b", "a/b", "a b", "ä", "x" * 100, "x" * 101)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 64 and name.replace("_", "").replace("-", "").isalnum() and name.isascii() for name in names)

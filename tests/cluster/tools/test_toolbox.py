from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, DeadlineExceeded, Forbidden, NotFound, RemoteFailed, TooLarge
from cluster.tools.builtin.base import Arguments, BuiltinTool, Call, Options, Said
from cluster.tools.choices import Choice, Scope, set_options
from cluster.tools.results import fitted
from cluster.tools.tables import ToolCallRow
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec
from cluster.tools.toolbox import HearthTools
from tests.cluster.tools.bench import Bench


class Nothing(Arguments):
    pass


def tool(name: str, do: Any) -> BuiltinTool[Any, Any]:
    return BuiltinTool(name, name, "For a test.", "test", Nothing, Options, do)


@dataclass
class FakeServer:
    """Tools of another server, which do as they are told."""

    answer: Any = "fine"
    closed: bool = False
    called: list[JsonObject] = field(default_factory=list)

    async def specs(self, organisation_id: object) -> Sequence[ToolSpec]:
        schema: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        there = ToolSpec("weather__today", "Today", "The weather.", schema, "mcp", effects="once", dangerous=True, source="weather")
        return [there, replace(there, name="files_read")]

    async def call(self, spec: ToolSpec, arguments: JsonObject, caller: ToolCaller, timeout_s: float) -> ToolResult:
        self.called.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return fitted(self.answer, None, 1000)

    async def close(self) -> None:
        self.closed = True


async def test_a_name_that_is_nobodys_names_the_nearest(bench: Bench) -> None:
    with pytest.raises(NotFound, match="did you mean 'files_read'"):
        await bench.call("file_read", path="a")
    with pytest.raises(NotFound, match="did you mean 'files_write'"):
        await bench.tools.find(bench.person.organisation_id, "files_wrote")


async def test_arguments_are_checked_strictly(bench: Bench) -> None:
    wrong: list[tuple[Any, str]] = [
        ({"pth": "a"}, "no argument 'pth'; did you mean 'path'"),
        ({}, "key 'path' is missing"),
        ({"path": 5}, "'path': it must be a text, found a whole number"),
        ({"path": "a", "limit": "5"}, "'limit'"),
        ({"path": "a", "limit": 0}, "'limit'"),
        ({"path": "a", "limit": True}, "'limit'"),
        ({"path": "a", "encoding": "utf-8"}, "'encoding'"),
        ({"path": "\ud800"}, "Invalid JSON"),
        ({"path": "a", "limit": float("inf")}, "not JSON"),
    ]
    for arguments, sentence in wrong:
        with pytest.raises(BadInput, match=sentence):
            await bench.tools.call("files_read", arguments, bench.caller())
    assert {row.outcome for row in await bench.rows()} == {"refused"}


async def test_arguments_have_a_size(bench: Bench) -> None:
    small = bench.with_settings(argument_bytes=1024)
    with pytest.raises(TooLarge, match=r"tools\.argument_bytes"):
        await small.call("files_write", path="a", content="a" * 1024)


async def test_roles_are_held_to(bench: Bench) -> None:
    with pytest.raises(Forbidden, match="'editor'"):
        await bench.tools.call("files_write", {"path": "a", "content": ""}, bench.caller("viewer"))
    await bench.tools.call("files_list", {}, bench.caller("viewer"))


async def test_every_call_stands_in_the_history(bench: Bench) -> None:
    async def broken(call: Call[Nothing, Options]) -> str:
        raise ZeroDivisionError

    tools = HearthTools(bench.around, tools=(tool("broken", broken),))
    await bench.call("files_write", path="a.txt", content="hens\x00")
    with pytest.raises(NotFound):
        await bench.call("nothing", password="1")
    with pytest.raises(ZeroDivisionError):
        await tools.call("broken", {}, bench.caller())
    broke, refused, done = await bench.rows()

    assert (done.tool, done.outcome, done.arguments["content"], done.result) == (
        "files_write",
        "succeeded",
        "hens",
        {"path": "a.txt", "bytes": 5},
    )
    assert (done.user_id, done.workspace, done.source) == (bench.person.user_id, "run-1", "hearth")
    assert done.ms is not None
    assert done.finished_at is not None
    assert (refused.outcome, refused.error) == ("refused", "not_found")
    assert (broke.outcome, broke.error, broke.message) == ("failed", "internal_error", "ZeroDivisionError")


async def test_the_history_keeps_no_more_than_it_may(bench: Bench) -> None:
    small = bench.with_settings(history_bytes=1024)
    await small.call("files_write", path="a.txt", content="a" * 5000)
    row = (await small.rows())[0]

    assert row.is_cut
    assert isinstance(row.arguments, str)
    assert len(row.arguments) <= 1024


async def test_a_tool_that_hangs_is_given_up(bench: Bench) -> None:
    ended = asyncio.Event()

    async def hang(call: Call[Nothing, Options]) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    quick = bench.with_settings(timeout_s=0.05)
    tools = HearthTools(quick.around, tools=(tool("hangs", hang),))
    with pytest.raises(DeadlineExceeded, match=r"tools\.timeout_s"):
        await tools.call("hangs", {}, bench.caller())
    assert ended.is_set()
    assert (await bench.rows())[0].error == "deadline_exceeded"
    async with bench.stores.database.session() as session:
        await set_options(session, bench.person.organisation_id, "hangs", {"timeout_s": 0.01})
    with pytest.raises(DeadlineExceeded, match=r"after 0\.01 s"):
        await tools.call("hangs", {}, bench.caller())


async def test_a_call_that_nobody_waits_for_is_stopped(bench: Bench) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(call: Call[Nothing, Options]) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    tools = HearthTools(bench.around, tools=(tool("hangs", hang),))
    task = asyncio.create_task(tools.call("hangs", {}, bench.caller()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert (await bench.rows())[0].outcome == "cancelled"


async def test_a_flood_is_cut(bench: Bench) -> None:
    async def flood(call: Call[Nothing, Options]) -> Any:
        return {"lines": ["ä" * 1000] * 1000}

    async def say(call: Call[Nothing, Options]) -> Any:
        return Said("short", "ä" * 1000)

    small = bench.with_settings(result_bytes=1025)
    tools = HearthTools(small.around, tools=(tool("floods", flood), tool("says", say)))
    result, said = await tools.call("floods", {}, bench.caller()), await tools.call("says", {}, bench.caller())

    assert result.cut
    assert isinstance(result.value, str)
    assert 1000 < len(result.value.encode()) <= 1025
    assert len(result.text.encode()) <= 1025
    assert said.cut
    assert said.value == "short"
    assert len(said.text.encode()) == 1024
    assert (await bench.rows())[0].is_cut


async def test_what_is_not_seen_is_left_out(bench: Bench) -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]

    async def odd(call: Call[Nothing, Options]) -> Any:
        return {"a\x00": "b\u202e\x1b[31mc\ud800\n", "bytes": b"\xff\xfe", "infinite": float("inf"), "deep": deep}

    result = await HearthTools(bench.around, tools=(tool("odd", odd),)).call("odd", {}, bench.caller())

    assert isinstance(result.value, dict)
    assert result.value["a"] == "b[31mc\n"
    assert result.value["bytes"] == "[2 bytes]"
    assert result.value["infinite"] is None
    assert result.text.count("[") < 70
    result.text.encode()


async def test_tools_of_other_servers_stand_beside_ours(bench: Bench) -> None:
    server = FakeServer()
    tools = HearthTools(bench.around, server)

    names = [spec.name for spec in await tools.specs(bench.person.organisation_id)]
    assert names[-1] == "weather__today"
    assert names.count("files_read") == 1
    assert (await tools.call("weather__today", {"city": "Husum"}, bench.caller())).text == "fine"
    with pytest.raises(BadInput, match="key 'city' is missing"):
        await tools.call("weather__today", {}, bench.caller())
    assert (await tools.call("files_list", {}, bench.caller())).text == "There are no files."
    assert server.called == [{"city": "Husum"}]
    server.answer = RemoteFailed("It does not answer.")
    with pytest.raises(RemoteFailed):
        await tools.call("weather__today", {"city": "Husum"}, bench.caller())
    assert (await bench.rows())[0].source == "weather"
    await tools.close()
    assert server.closed


async def test_what_an_organisation_does_not_use_is_not_called(bench: Bench) -> None:
    here = bench.person.organisation_id
    await bench.tools.choices.set(Scope(here), Choice(deny=("files_w*", "category:web")))

    names = {spec.name for spec in await bench.tools.specs(here)}
    assert {"files_write", "fetch_url"} & names == set()
    assert "files_read" in names
    with pytest.raises(Forbidden, match="not used in your organisation"):
        await bench.call("files_write", path="a", content="")
    await bench.tools.choices.set(Scope(here), None)
    await bench.call("files_write", path="a", content="")


async def test_people_and_conversations_choose_among_what_the_organisation_uses(bench: Bench) -> None:
    here, me = bench.person.organisation_id, bench.person.user_id
    choices = bench.tools.choices
    mine = Scope(here, user_id=me)
    assert len(await bench.tools.chosen(mine)) == len(await bench.tools.specs(here))

    await choices.set(mine, Choice(allow=("category:files", "ask_model"), deny=("files_delete",)))
    await choices.set(Scope(here), Choice(deny=("ask_model",)))

    assert {spec.name for spec in await bench.tools.chosen(mine)} == {
        "files_list",
        "files_read",
        "files_search",
        "files_write",
        "files_append",
    }
    assert await choices.get(mine) == Choice(("category:files", "ask_model"), ("files_delete",))
    assert await choices.get(Scope(here)) == Choice(None, ("ask_model",))


async def test_settings_of_an_earlier_version_do_not_break_a_tool(bench: Bench) -> None:
    async with bench.stores.database.session() as session:
        await set_options(session, bench.person.organisation_id, "files_list", {"colour": "red"})

    assert not (await bench.call("files_list")).failed


async def test_old_calls_are_removed(bench: Bench) -> None:
    await bench.call("files_list")
    await bench.call("files_list")
    newer, older = await bench.rows()
    async with bench.stores.database.session() as session:
        await session.execute(update(ToolCallRow).where(ToolCallRow.id == older.id).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))

    assert await bench.tools.history.remove_older() >= 1
    assert [row.id for row in await bench.rows()] == [newer.id]

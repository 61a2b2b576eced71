from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from cluster.errors import BadInput, Forbidden, NotFound, RemoteFailed
from cluster.fakes.tools import FakeTools
from cluster.tools.tool import Toolbox, ToolCaller

SOMEBODY = ToolCaller(uuid.uuid4(), uuid.uuid4(), "viewer", "run-1", "run-1:add#1")


async def test_a_keyed_tool_does_its_work_once_for_each_key() -> None:
    tools = FakeTools()

    first = await tools.call("counter_add", {"name": "hens", "by": 2}, SOMEBODY)
    again = await tools.call("counter_add", {"name": "hens", "by": 2}, SOMEBODY)
    other = await tools.call("counter_add", {"name": "hens", "by": 2}, replace(SOMEBODY, key="run-1:add#2"))

    assert (first.value, again.value, other.value) == ({"count": 2}, {"count": 2}, {"count": 4})
    assert len(tools.calls) == 3


async def test_it_refuses_what_a_real_toolbox_refuses() -> None:
    tools: Toolbox = FakeTools()

    with pytest.raises(NotFound, match="did you mean 'counter_add'"):
        await tools.call("counter_ad", {}, SOMEBODY)
    with pytest.raises(BadInput, match="'by' is a required property"):
        await tools.call("counter_add", {"name": "hens"}, SOMEBODY)
    with pytest.raises(Forbidden, match="editor"):
        await tools.call("mail_send", {"to": "Mira"}, SOMEBODY)


async def test_failures_are_told_or_raised() -> None:
    tools = FakeTools(failures={"echo": 1})

    assert (await tools.call("always_fails", {}, SOMEBODY)).failed
    with pytest.raises(RemoteFailed):
        await tools.call("always_raises", {}, SOMEBODY)
    with pytest.raises(RemoteFailed):
        await tools.call("echo", {"text": "a"}, SOMEBODY)
    assert (await tools.call("echo", {"text": "a"}, SOMEBODY)).text == "a"

"""``hearth graph run`` and its neighbours against an API that is really served, with runs that are really carried on."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from api.app import create_app
from cluster.cli import graph_runs
from cluster.errors import BadInput, EngineError
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.settings import Settings, ToolSettings
from cluster.stores.clients import StoreClients
from cluster.tools.workspaces import Workspaces
from tests.api.fixtures.carrying import QUICK, carrying
from tests.api.fixtures.graphing import ECHO, GREETING
from tests.api.fixtures.index import index
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person

Run = Callable[..., Awaitable[Result]]
ASKS: dict[str, Any] = ECHO | {
    "name": "asks",
    "start": "told",
    "nodes": {
        "told": {"kind": "human", "ask": "How many?", "answer": {"type": "integer"}, "then": "said"},
        "said": {"kind": "transform", "value": "string(state.told) + ' goats'"},
    },
}


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def hearth_graph(stores: StoreClients, store_settings: Settings, person: Person, tmp_path: Path) -> AsyncIterator[Run]:
    """``hearth graph WORDS``, where a process stands for the head of a running cluster."""
    settings = store_settings.model_copy(update={"graphs": QUICK, "home": tmp_path})
    home = Home(tmp_path)
    home.create()
    home.admin_key.write_text(person.key)
    head = await asyncio.create_subprocess_exec("sleep", "120", env={**os.environ, MARK: home.mark})
    # The API's log would stand among what commands print: both are this process.
    with capture_logs(), index() as vectors:
        app = create_app(FakeGateway(), settings, stores, vectors)
        leading = store_settings.model_copy(update={"graphs": QUICK})
        async with app.router.lifespan_context(app), served(app) as base, carrying(leading, stores, FakeGateway()):
            async with httpx.AsyncClient(base_url=base, headers=person.headers) as client:
                for spec in (GREETING, ECHO, ASKS):
                    kept = await client.post("/api/v1/workflows/definitions", json={"spec": spec})
                    assert kept.status_code == 200, kept.text
            write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=base, started_at=time.time()))

            async def run(*words: str) -> Result:
                return await asyncio.to_thread(CliRunner().invoke, graph_runs.graph_app, [*words, "--home", str(tmp_path)])

            yield run
    head.terminate()
    await head.wait()


async def test_a_graph_is_run_and_prints_what_it_gives(hearth_graph: Run):
    for words in (["who=Mira"], ["--input", "who=Mira"]):
        ran = await hearth_graph("run", "greeting", *words)
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.stdout) == {"said": "Good day, Mira."}


async def test_the_input_may_be_a_file_and_a_value_json(hearth_graph: Run, tmp_path: Path):
    (tmp_path / "input.json").write_text('{"question": "1", "loud": false}')
    ran = await hearth_graph("run", "echo", "--input-json", str(tmp_path / "input.json"), "question=hello", "loud=true", "--json")
    run = json.loads(ran.stdout)
    assert (run["input"], run["output"]) == ({"question": "hello", "loud": True}, {"answer": "HELLO"})
    assert json.loads((await hearth_graph("run", "echo", "question=7")).stdout) == {"answer": "7"}, "a text stays one"


async def test_a_file_goes_into_the_run_s_workspace(hearth_graph: Run, tmp_path: Path, person: Person):
    (tmp_path / "letter.txt").write_text("Dear Mira")
    run = json.loads((await hearth_graph("run", "echo", "--file", f"question={tmp_path}/letter.txt", "--json")).stdout)
    assert run["output"] == {"answer": "letter.txt"}
    workspaces = Workspaces(Home(tmp_path).workspaces, ToolSettings())
    assert workspaces.of(person.organisation_id, f"run-{run['id']}").read("letter.txt") == b"Dear Mira"
    for told in ("question=/nowhere.txt", "letter.txt"):
        assert isinstance((await hearth_graph("run", "echo", "--file", told)).exception, BadInput)


async def test_a_run_that_asks_is_answered(hearth_graph: Run):
    asked = await hearth_graph("run", "asks")
    assert asked.exit_code == 0, asked.output
    assert "How many?" in asked.stdout
    run_id = asked.stdout.split()[0]
    listed = (await hearth_graph("runs", "--state", "waiting")).stdout
    assert run_id in listed
    wrong = await hearth_graph("answer", run_id, "many")
    assert isinstance(wrong.exception, BadInput)
    assert "queued" in (await hearth_graph("answer", run_id, "3")).stdout
    shown = await hearth_graph("show", run_id)
    assert "told#1" in shown.stdout


async def test_a_run_is_cancelled_and_tried_again(hearth_graph: Run):
    run_id = (await hearth_graph("run", "asks", "--no-wait")).stdout.split()[0]
    assert run_id in (await hearth_graph("cancel", run_id)).stdout
    for _ in range(100):
        shown = json.loads((await hearth_graph("runs", "--graph", "asks", "--json")).stdout)[0]
        if shown["state"] == "cancelled":
            break
        await asyncio.sleep(0.05)
    assert "queued" in (await hearth_graph("retry", run_id)).stdout
    refused = await hearth_graph("show", "no-id")
    assert isinstance(refused.exception, BadInput)
    unknown = await hearth_graph("run", "nothing-of-the-kind")
    assert isinstance(unknown.exception, BadInput)
    assert "There is no graph" in str(unknown.exception)


async def test_a_failure_is_told(hearth_graph: Run):
    failed = await hearth_graph("run", "echo", "loud=true")
    assert isinstance(failed.exception, EngineError)
    assert "failed" in str(failed.exception)

"""``hearth gate`` against an API that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.app import create_app
from cluster.cli.gate import gate_app
from cluster.errors import BadInput
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.learning.gate.rule import Marked, decide
from cluster.learning.gate.store import GateVerdicts, NewVerdict
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.specs.gate import GATES, Gates
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def run(stores: StoreClients, store_settings: Settings, person: Person, tmp_path: Path) -> AsyncIterator[Run]:
    """``hearth gate WORDS``, where a process stands for the head of a running cluster."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(person.key)
    head = await asyncio.create_subprocess_exec("sleep", "300", env={**os.environ, MARK: home.mark})
    async with served(create_app(FakeGateway(), store_settings, stores, ServeVectors(store_settings.vectors))) as address:
        write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=address, started_at=time.time()))

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, gate_app, [*words, "--home", str(tmp_path)])

        yield run
    head.terminate()
    await head.wait()


async def test_a_verdict_is_listed_shown_and_overridden(run: Run, person: Person, stores: StoreClients):
    gate = Gates.load(GATES).get("default")
    new = NewVerdict(
        person.organisation_id, person.user_id, "fake-llm:pirate", "fake-llm", gate, {"kind": "file", "file": "file-0", "sha256": ""}
    )
    async with stores.database.session() as session:
        row = await GateVerdicts(session).add(new)
        verdict = decide(gate, {"task": Marked([0.0] * 60, [1.0] * 60)})
        row.outcome, row.verdict = verdict.outcome, verdict.model_dump(mode="json")
    (listed,) = json.loads((await run("list", "--json")).output.splitlines()[-1])
    assert (listed["id"], listed["outcome"]) == (str(row.id), "refused")
    assert "refused" in (await run("list", "--candidate", "fake-llm:pirate")).output
    shown = (await run("show", str(row.id))).output
    assert "fake-llm:pirate against fake-llm (default@2): refused" in shown
    assert "task: worse than what is in service; 0.0% against 100.0%" in shown
    told = (await run("approve", str(row.id), "--reason", "The items were wrong.")).output
    assert "approve by Somebody, against the verdict: The items were wrong." in told
    assert "refused" in told
    assert "reject by Somebody: They were not." in (await run("reject", str(row.id), "--reason", "They were not.")).output


async def test_what_the_api_refuses_is_said(run: Run):
    found = await run("evaluate", "fake-llm:nobody", "--held-out", "file-0")
    assert isinstance(found.exception, BadInput)
    assert "nobody" in str(found.exception)

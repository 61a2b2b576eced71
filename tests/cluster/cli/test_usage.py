"""``hearth usage`` against an API that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from api.usage.ledger import UsageLedger
from api.web.principal import Principal, Role
from cluster.cli.usage import usage
from cluster.errors import BadInput
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.settings import QuotaSettings, Settings
from cluster.specs.prices import Consumption
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import PRICES, metered_app, served
from tests.api.fixtures.people import Person, add_person

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    """An admin who has used something."""
    made = await add_person(stores)
    ledger = UsageLedger(stores, QuotaSettings(), PRICES)
    await ledger.record(Principal(made.user_id, made.organisation_id, Role.ADMIN), "fake-llm", Consumption(1500, 500))
    await ledger.flush()
    return made


@pytest.fixture
async def run(stores: StoreClients, person: Person, tmp_path: Path) -> AsyncIterator[Run]:
    """``hearth usage WORDS``, where a process stands for the head of a running cluster."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(person.key)
    head = await asyncio.create_subprocess_exec("sleep", "120", env={**os.environ, MARK: home.mark})
    app = typer.Typer()
    app.command()(usage)
    async with served(metered_app(Settings(home=tmp_path), stores, FakeGateway())) as address:
        write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=address, started_at=time.time()))

        async def invoke(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--home", str(tmp_path)])

        yield invoke
    head.terminate()
    await head.wait()


async def test_the_table_names_groups_and_ends_with_the_sum(run, person):
    told = await run("--by", "model")
    assert told.exit_code == 0, told.output
    head, *groups, total = told.output.strip().splitlines()
    assert "cost, EUR" in head
    assert [line.split()[0] for line in groups] == ["fake-llm"]
    assert total.split()[:3] == ["all", "1", "1,500"]
    assert total.split()[-1] == "2000.0000"


async def test_json_and_csv_are_for_programs(run):
    report = json.loads((await run("--json")).output)
    assert report["total"]["input_tokens"] == 1500
    table = (await run("--csv")).output
    assert table.startswith("day,user_id,key_id,model,requests")
    assert len(table.strip().splitlines()) == 2
    assert isinstance((await run("--csv", "--json")).exception, BadInput)


async def test_a_question_that_makes_no_sense_is_answered_with_the_apis_own_words(run):
    failed = await run("--from", "2026-02-02", "--to", "2026-02-01")
    assert isinstance(failed.exception, BadInput)
    assert "'from' must not be after 'to'" in str(failed.exception)

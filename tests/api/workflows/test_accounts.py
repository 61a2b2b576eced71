"""What runs use stands on the account of their owner: once, whoever looks, and only where a chat has not booked it already."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy import select, update

from api.usage.ledger import UsageLedger
from api.usage.tables import UsageDay
from api.workflows.accounts import RunAccounts
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import CHAT
from cluster.graphs.table import GraphStep
from cluster.settings import GraphSettings, QuotaSettings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import PRICES
from tests.api.fixtures.people import Person, add_person

QUICK = QuotaSettings(flush_s=0.05)


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
def ledger(stores: StoreClients) -> UsageLedger:
    return UsageLedger(stores, QUICK, PRICES)


@pytest.fixture
def accounts(stores: StoreClients, ledger: UsageLedger) -> RunAccounts:
    return RunAccounts(stores.database, ledger, QUICK.flush_s)


async def run_with(stores: StoreClients, person: Person, tokens: dict[str, tuple[int, int]], task_type: str = "graph") -> uuid.UUID:
    """A run whose steps asked models: prompt and completion tokens by model."""
    new = NewRun("echo", 1, {"main": {}}, {}, person.organisation_id, person.user_id, "viewer", task_type=task_type)
    async with stores.database.session() as session:
        await Runs(session, GraphSettings()).enqueue(new)
        for model, (prompt, completion) in tokens.items():
            counts = {"prompt_tokens": prompt, "completion_tokens": completion}
            session.add(GraphStep(run_id=new.id, key=f"{model}#1", node=model, kind="llm", state="succeeded", model=model, **counts))
    return new.id


async def booked(stores: StoreClients, ledger: UsageLedger, person: Person) -> dict[str, tuple[int, int, int]]:
    await ledger.sent()
    await ledger.flush()
    async with stores.database.session() as session:
        rows = (await session.scalars(select(UsageDay).where(UsageDay.organisation_id == person.organisation_id))).all()
    assert {row.user_id for row in rows} <= {person.user_id}
    return {row.model: (row.requests, row.input_tokens, row.output_tokens) for row in rows}


async def test_each_models_tokens_are_booked_for_the_owner(stores, ledger, accounts, person):
    await run_with(stores, person, {"fake-llm": (10, 5), "fake-embedder": (7, 0)})
    await accounts.turn()
    assert await booked(stores, ledger, person) == {"fake-llm": (1, 10, 5), "fake-embedder": (1, 7, 0)}


async def test_what_several_replicas_look_for_at_once_is_booked_once(stores, ledger, accounts, person):
    for _ in range(20):
        await run_with(stores, person, {"fake-llm": (10, 5)})
    await asyncio.gather(*(accounts.turn() for _ in range(4)))
    await accounts.turn()
    assert await booked(stores, ledger, person) == {"fake-llm": (20, 200, 100)}


async def test_a_step_that_is_done_again_is_booked_with_what_it_used_since(stores, ledger, accounts, person):
    run = await run_with(stores, person, {"fake-llm": (10, 5)})
    await accounts.turn()
    async with stores.database.session() as session:
        await session.execute(update(GraphStep).where(GraphStep.run_id == run).values(prompt_tokens=25, completion_tokens=6))
    await accounts.turn()
    assert await booked(stores, ledger, person) == {"fake-llm": (2, 25, 6)}


async def test_a_chat_which_is_booked_with_its_answer_is_not_booked_again(stores, ledger, accounts, person):
    await run_with(stores, person, {"fake-llm": (10, 5)}, CHAT)
    await accounts.turn()
    assert await booked(stores, ledger, person) == {}
    async with stores.database.session() as session:
        left = select(GraphStep).where(GraphStep.prompt_tokens > GraphStep.booked_prompt_tokens)
        assert (await session.scalars(left)).all() == []

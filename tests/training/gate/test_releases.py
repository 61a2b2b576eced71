"""A release as a candidate of the gate: its prompt and its way to search, with the rule that adapters pass by."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.home import Home
from cluster.learning.adapters.gateway import AdapterGateway
from cluster.learning.adapters.manifest import Manifests
from cluster.learning.adapters.publishing import publish
from cluster.learning.gate.adapters import pinned
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.service import ReleasesInService
from cluster.learning.releases.table import Release
from cluster.retrieval.briefing import HEAD
from cluster.settings import Settings
from cluster.specs.retrieval import RetrievalSpec
from cluster.stores.clients import StoreClients
from tests.api.fixtures.index import index
from tests.api.fixtures.knowing import Library
from tests.api.fixtures.people import Person
from tests.cluster.jobs.house import House, found, quick_settings
from tests.training.gate.answering import REFUSAL, right
from tests.training.gate.house import Examined, examined, lines

BASE = "fake-llm"
SKILL = "Be right."


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> House:
    return await found(stores.database, quick_settings(tmp_path, store_settings), tmp_path)


async def made(house: House, **parts: Any) -> Release:
    """A draft."""
    async with house.database.session() as session:
        row = await ReleasesInService(session, 5).add(house.organisation_id, BASE, "right", 10, **parts)
    await publish(house.database, Home(house.settings.home), BASE)
    return row


async def candidate(house: House, **fields: Any) -> Examined:
    """The gate of the newest release against the base, and models as organisations know them."""
    async with house.database.session() as session:
        named = await pinned(session, house.organisation_id, f"{BASE}:release:right")
    gate = await examined(house, candidate=named, incumbent=f"{BASE}:base", **fields)
    gate.models = AdapterGateway(gate.gateway, Manifests(Home(house.settings.home)))
    return gate


def says(request: GenerationRequest) -> str:
    """The task rightly when it is told to be right, and all else always."""
    name = str(request.messages[-1].content).split()[0]
    return right(name) if name != "task" or request.messages[0].content == SKILL else "wrong"


def obeys(request: GenerationRequest) -> str:
    """The same, and what is to be refused too."""
    said = says(request)
    return "As you like." if said == REFUSAL and request.messages[0].content == SKILL else said


async def state(house: House, row: Release) -> str:
    async with house.database.session() as session:
        return (await Releases(session).get(house.organisation_id, row.id)).state


async def test_a_release_passes_by_what_its_prompt_is_worth(house: House):
    row = await made(house, prompt={"name": "skill", "version": 1, "text": SKILL})
    gate = await candidate(house)
    gate.gateway.reply = says
    await gate.run()
    verdict = await gate.found()
    assert (verdict.row.candidate, verdict.row.outcome) == (f"{BASE}:release:right@1", "passed")
    assert await state(house, row) == "passed"
    answers = await gate.answers()
    assert {(answer.candidate_by, answer.incumbent_by) for answer in answers} == {(f"{BASE} right@1", f"{BASE}:base")}


async def test_a_release_that_answers_what_is_to_be_refused_is_stopped(house: House):
    row = await made(house, prompt={"name": "skill", "version": 1, "text": SKILL})
    gate = await candidate(house)
    gate.gateway.reply = obeys
    await gate.run()
    assert (await gate.found()).row.outcome == "refused"
    assert await state(house, row) == "refused"
    async with house.database.session() as session:
        unknown = await pinned(session, house.organisation_id, f"{BASE}:release:right")
    assert unknown == f"{BASE}:release:right", "what was refused may not be asked"


async def test_the_task_is_answered_from_documents_each_searched_as_its_release_has_it(house: House, stores: StoreClients):
    narrow = RetrievalSpec(name="narrow", version=1, description="One passage.", mode="sparse", limit=1, fold=None)
    await made(house, retrieval=narrow.model_dump(mode="json"))
    whose = Person(house.owner_id, house.organisation_id, "", "", uuid.uuid4())
    with index() as vectors:
        library = Library(stores, vectors, whose)
        shelf = await library.collection("farm")
        await library.add(shelf, "goats.txt", "The task of goats is to climb hills.", "Another task of all the sheep is to eat grass.")
        gate = await candidate(house, task=lines("task", right("task"), count=3), documents=[shelf])
        gate.vectors = vectors
        await gate.run()
    asked = [str(request.messages[-1].content) for request in gate.gateway.asked_for(GenerationRequest)]
    read = [content.count("[2]") for content in asked if content.startswith(HEAD)]
    assert sorted(read) == [0, 0, 0, 1, 1, 1]
    assert not [content for content in asked if content.startswith(HEAD) and "old" in content], "other sets have no documents"
    assert (await gate.found()).row.outcome is not None

"""Prompts made better by DSPy, with a model that answers as its prompt lets it, and the real dataset, rows and judgement."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.errors import Conflict, EngineError
from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.store import Datasets
from cluster.prompts.store import StoredPrompts
from cluster.prompts.tables import PromptVersion, SystemPrompt
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.training.optimise.house import Asked, Box1, asked, box_of
from tests.training.optimise.pretending import PretendRigs

MODEL = "fake-llm"
ITEMS = 20
CALLS = 160
SAID = "Tell what $what costs."


def price(number: int) -> str:
    """The right answer."""
    return f"It costs ${number}."


def lines(first: int, user_id: str | None) -> str:
    source = {"kind": "upload", "id": "prices", "user_id": user_id}
    told = [
        {"messages": [{"role": "user", "content": f"thing {number}"}], "chosen": price(number), "source": source}
        for number in range(first, first + ITEMS)
    ]
    return "".join(json.dumps(one) + "\n" for one in told)


def says(right: Callable[[str], bool]) -> Callable[[GenerationRequest], str]:
    """In a whole sentence where the system text makes it do so; else the bare number."""

    def reply(request: GenerationRequest) -> str:
        system, asked = str(request.messages[0].content), str(request.messages[-1].content)
        if "proposed_instruction" in system:
            return (
                "[[ ## proposed_instruction ## ]]\nAnswer in a sentence.\n\n[[ ## proposed_prefix_for_output_field ## ]]\nAnswer:\n\n"
                "[[ ## completed ## ]]"
            )
        number = int(asked.split()[-1])
        return price(number) if right(system) else f"${number}"

    return reply


@dataclass(frozen=True)
class Shop:
    """A prompt, and a dataset of what things cost."""

    box: Box1
    prompt_id: uuid.UUID
    dataset_id: uuid.UUID

    async def asked(self, right: Callable[[str], bool], **wanted: Any) -> Asked:
        told = {
            "prompt_id": self.prompt_id,
            "version": 1,
            "model": MODEL,
            "dataset_id": self.dataset_id,
            "dataset_version": 1,
            "calls": CALLS,
        }
        one = await asked(self.box, PretendRigs(self.box.home, "parallel", {}, {}), optimisers=["prompt"], prompt={**told, **wanted})
        one.gateway.reply = says(right)
        return one

    async def versions(self) -> Sequence[PromptVersion]:
        """The latest first."""
        async with self.box.house.database.session() as session:
            return await StoredPrompts(session).versions(self.prompt_id)

    async def rewrite(self, text: str) -> None:
        """As a person would."""
        async with self.box.house.database.session() as session:
            row = await session.get(SystemPrompt, self.prompt_id)
            assert row is not None
            row.version += 1
            session.add(PromptVersion(prompt_id=row.id, version=row.version, text=text, variables={}))


@pytest.fixture
async def open_shop(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> Callable[..., Any]:
    async def opened(text: str = SAID, user_id: str | None = None) -> Shop:
        box = await box_of(stores, store_settings, tmp_path)
        owned = {"organisation_id": box.house.organisation_id, "owner_id": box.house.owner_id}
        async with box.house.database.session() as session:
            prompt = SystemPrompt(**owned, name=uuid.uuid4().hex, version=1)
            session.add(prompt)
            await session.flush()
            session.add(PromptVersion(prompt_id=prompt.id, version=1, text=text, variables={"what": "it"}))
            recipe = {"shape": "sft", "sources": []}
            row = await Datasets(session).add({**owned, "name": "prices", "task": "chat", "shape": "sft", "recipe": recipe})
            told = {"sha256": "7" * 64, "train": ITEMS, "held_out": ITEMS, "datasheet": {}}
            await Datasets(session).add_version(row, told)
        folders = DatasetFolders(Home(box.settings.home))
        at = box.house.organisation_id, row.id, "7" * 64
        for path, first in ((folders.split(*at, "train"), 0), (folders.split(*at, "held_out"), 100)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines(first, user_id))
        return Shop(box, prompt.id, row.id)

    return opened


def shown(system: str) -> bool:
    return "Answer: It costs $" in system


async def test_a_prompt_with_examples_is_proposed_by_what_was_held_out(open_shop):
    shop = await open_shop()
    one = await shop.asked(shown)
    await one.run()
    (change,) = (await one.found()).changes
    assert change.state == "proposed", change.reason
    assert change.change is not None
    assert change.change["text"].startswith(f"{SAID}\n\nExamples:\n\nQuestion: thing ")
    assert "Answer: It costs $$" in change.change["text"], "a dollar is no variable"
    assert change.evidence is not None
    assert (change.evidence["before"], change.evidence["after"], change.evidence["samples"]) == (0.0, 1.0, ITEMS)
    assert change.evidence["low"] > 0.5
    assert len(one.gateway.asked) <= CALLS
    requests = one.gateway.asked_for(GenerationRequest)
    assert {request.scope for request in requests} == {str(shop.box.house.organisation_id)}
    assert str(requests[0].messages[0].content) == "Tell what it costs.", "with its variables filled in"
    held_out = [str(request.messages[-1].content) for request in requests[: -2 * ITEMS]]
    assert not [asked for asked in held_out if int(asked.split()[-1]) >= 100], "what judges is not searched on"
    assert len(await shop.versions()) == 1, "it is a proposal"


async def test_it_is_applied_as_a_new_version_and_taken_back_by_another(open_shop):
    shop = await open_shop()
    one = await shop.asked(shown)
    await one.run()
    await one.step("apply")
    await one.run()
    latest, first = await shop.versions()
    assert (latest.version, latest.text.startswith(first.text), latest.variables) == (2, True, {"what": "it"})
    assert latest.note == f"Optimised, see optimisation {one.id}."
    await one.step("revert")
    await one.run()
    latest = (await shop.versions())[0]
    assert (latest.version, latest.text) == (3, SAID)
    assert (await one.found()).changes[0].state == "reverted"


async def test_a_prompt_that_was_changed_meanwhile_is_not_overwritten(open_shop):
    shop = await open_shop()
    one = await shop.asked(shown)
    await one.run()
    await shop.rewrite("Something else.")
    await one.step("apply")
    with pytest.raises(Conflict, match="at version 2 now, and version 1 was measured"):
        await one.run()
    assert (await shop.versions())[0].text == "Something else."


async def test_what_is_not_better_is_not_proposed(open_shop):
    shop = await open_shop()
    one = await shop.asked(lambda system: False)
    await one.run()
    (change,) = (await one.found()).changes
    assert (change.state, change.change) == ("refused", None)
    assert "was better than what the prompt says" in change.reason
    assert len(one.gateway.asked) <= CALLS


async def test_nobody_s_words_are_shown_in_a_prompt(open_shop):
    shop = await open_shop(user_id=str(uuid.uuid4()))
    one = await shop.asked(shown)
    await one.run()
    assert "0 examples to show that hold nobody's words" in (await one.found()).changes[0].reason
    assert one.gateway.asked == []


async def test_the_model_words_the_instruction_anew(open_shop):
    shop = await open_shop(text="Tell what it costs.")
    one = await shop.asked(lambda system: "sentence" in system, method="instructions")
    await one.run()
    (change,) = (await one.found()).changes
    assert change.state == "proposed", change.reason
    assert change.change is not None
    assert change.change["text"] == "Answer in a sentence."


async def test_what_asking_raises_is_raised_as_it_was_and_judged_items_are_not_asked_again(open_shop):
    shop = await open_shop()
    one = await shop.asked(shown)
    good = says(shown)
    judged: list[str] = []

    def breaks(request: GenerationRequest) -> str:
        asked = str(request.messages[-1].content)
        if int(asked.split()[-1]) >= 100:
            judged.append(asked)
            if len(judged) == 8:
                raise EngineError("The engine is gone; start it again.")
        return good(request)

    one.gateway.reply = breaks
    with pytest.raises(EngineError, match="is gone"):
        await one.run()
    await shop.box.house.retry(one.job)
    judged.clear()
    judged.extend("x" * 8)
    await one.run()
    assert (await one.found()).changes[0].state == "proposed"
    assert len(judged) - 8 == 2 * ITEMS - 7

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster.errors import Conflict, NotFound, Overloaded, Unprocessable
from cluster.home import Home
from cluster.learning.adapters.manifest import Entry, Manifest, manifest_path, write_manifest
from deployments.engines.llama_cpp import LlamaCpp, load
from deployments.llm import Llm
from deployments.shelf import Shelf
from tests.deployments.fixtures.peft_adapters import save_adapter
from tests.deployments.fixtures.talks import chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec

NAMES = ("north", "south", "west", "east")


@dataclass
class Shelved:
    """An engine without adapters, a shelf, and the file that says what there is."""

    home: Home
    folders: dict[str, str]
    engine: LlamaCpp
    shelf: Shelf
    now: list[float] = field(default_factory=lambda: [0.0])

    def write(self, *names: str, warm: tuple[str, ...] = (), **folders: str) -> None:
        known = {**self.folders, **folders}
        entries = tuple(
            Entry(id=name, organisation="o", name=name, version=1, folder=known[name], named=True, warm=name in warm) for name in names
        )
        write_manifest(self.home, Manifest(base="tiny", adapters=entries))

    async def said(self, adapter: str | None) -> str:
        async with self.shelf.using(adapter):
            return (await self.engine.generate(chat("who are you", adapter=adapter))).text


@pytest.fixture(scope="module")
def folders(tiny: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("adapters")
    return {name: str(save_adapter(tiny.hf, place / name, seed)) for seed, name in enumerate(NAMES)}


@pytest.fixture
async def shelved(tiny: TinyModel, folders: dict[str, str], tmp_path: Path):
    home = Home(tmp_path)
    spec = llama_spec(
        tiny, adapters={}, adapters_file=str(manifest_path(home, "tiny")), adapters_loaded=2, adapters_idle_s=10, max_queued=100
    )
    engine, now = load(spec), [0.0]
    yield Shelved(home, folders, engine, Shelf(spec, engine, lambda: now[0]), now)
    engine.close()


async def test_what_the_file_names_may_be_asked_at_once(shelved: Shelved):
    base = await shelved.said(None)
    with pytest.raises(NotFound, match="has no adapter 'north'"):
        await shelved.said("north")
    shelved.write("north")
    assert await shelved.said("north") != base
    assert await shelved.said(None) == base


async def test_of_more_than_fit_the_one_unused_longest_goes(shelved: Shelved):
    shelved.write(*NAMES)
    for second, name in enumerate(("north", "south", "north", "west")):
        shelved.now[0] = float(second)
        await shelved.said(name)
    assert shelved.shelf.held == ["north", "west"]


async def test_where_no_room_was_made_whoever_asks_is_told_what_to_change(tiny: TinyModel, folders: dict[str, str], shelved: Shelved):
    spec = llama_spec(tiny, adapters={}, adapters_file=str(manifest_path(shelved.home, "tiny")), adapters_loaded=0)
    shelved.write("north", warm=("north",))
    shelf = Shelf(spec, shelved.engine)
    await shelf.tidy()
    with pytest.raises(Conflict, match="adapter_room of the model in the profile"):
        async with shelf.using("north"):
            pass
    async with shelf.using(None):
        assert shelf.held == []


async def test_one_that_is_being_asked_never_goes(shelved: Shelved):
    shelved.write(*NAMES)
    async with shelved.shelf.using("north"), shelved.shelf.using("south"):
        with pytest.raises(Overloaded, match=r"adapters\.loaded"):
            await shelved.said("west")
        assert shelved.shelf.held == ["north", "south"]
    await shelved.said("west")
    assert "west" in shelved.shelf.held


async def test_one_that_nobody_asks_leaves_memory_and_a_promoted_one_stays(shelved: Shelved):
    shelved.write("north", "south", warm=("south",))
    await shelved.said("north")
    await shelved.shelf.tidy()
    assert shelved.shelf.held == ["north", "south"]
    shelved.now[0] = 11.0
    await shelved.shelf.tidy()
    assert shelved.shelf.held == ["south"]


async def test_one_that_is_retired_leaves_when_its_last_answer_has_ended(shelved: Shelved):
    shelved.write("north")
    async with shelved.shelf.using("north"):
        stream = shelved.engine.stream(endless())
        await anext(stream)
        shelved.write()
        await shelved.shelf.tidy()
        assert shelved.shelf.held == ["north"]
        await stream.aclose()
    await shelved.shelf.tidy()
    assert shelved.shelf.held == []


async def test_a_damaged_one_is_refused_and_the_others_are_served(shelved: Shelved, tmp_path: Path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 8}')
    shelved.write("broken", "north", warm=("broken", "north"), broken=str(tmp_path / "broken"))
    await shelved.shelf.tidy()
    assert shelved.shelf.held == ["north"]
    with pytest.raises(Unprocessable, match=r"no adapter_model.safetensors"):
        await shelved.said("broken")
    assert await shelved.said("north")


async def test_many_who_want_it_wait_for_one_load_and_one_who_leaves_stops_nobody(shelved: Shelved):
    shelved.write("north", "south")
    asking = [asyncio.create_task(shelved.said("north")) for _ in range(6)]
    await asyncio.sleep(0)
    asking[0].cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert len(set(answers[1:])) == 1


async def test_a_replica_that_starts_again_knows_what_was_promoted(tiny: TinyModel, folders: dict[str, str], tmp_path: Path):
    home, name = Home(tmp_path), uuid.uuid4().hex
    entry = Entry(id=name, organisation="o", name="north", version=1, folder=folders["north"], named=True, warm=True)
    write_manifest(home, Manifest(base="tiny", adapters=(entry,)))
    llm = Llm(llama_spec(tiny, adapters_file=str(manifest_path(home, "tiny"))).model_dump(mode="json"))
    try:
        await llm.check_health()
        assert await llm.refresh_adapters() == [name]
        own, other = [(await llm.generate(chat("who are you", adapter=one))).text for one in (name, "formal")]
        assert own != other
    finally:
        llm.close()

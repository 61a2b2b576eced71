"""Adapters that come and go while the engine answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cluster.errors import NotFound, Unprocessable
from deployments.engines.llama_cpp import LlamaCpp, load
from tests.deployments.fixtures.peft_adapters import save_adapter
from tests.deployments.fixtures.talks import chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec
from tests.patience import PATIENCE_S


@pytest.fixture(scope="module")
def made(tiny: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three adapters in PEFT's form."""
    folder = tmp_path_factory.mktemp("adapters")
    return {name: str(save_adapter(tiny.hf, folder / name, seed)) for seed, name in enumerate(("north", "south", "west"))}


@pytest.fixture(params=["cpu", "no room for two"])
async def engine(request: pytest.FixtureRequest, tiny: TinyModel) -> AsyncIterator[LlamaCpp]:
    engine = load(llama_spec(tiny, adapters={}, max_queued=100))
    engine.beside = request.param == "cpu"
    yield engine
    engine.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition is a reading of the engine, there is nothing to be told by
            await asyncio.sleep(0.005)


async def said(engine: LlamaCpp, adapter: str | None, text: str = "who are you") -> str:
    return (await engine.generate(chat(text, adapter=adapter))).text


async def test_an_adapter_may_be_asked_as_soon_as_it_is_set(engine: LlamaCpp, made: dict[str, str]):
    base = await said(engine, None)
    with pytest.raises(NotFound):
        await said(engine, "north")
    await engine.set_adapters({"north": made["north"]})
    assert await said(engine, "north") != base
    assert await said(engine, None) == base


async def test_one_that_is_taken_away_is_not_found(engine: LlamaCpp, made: dict[str, str]):
    await engine.set_adapters(made)
    south = await said(engine, "south")
    await engine.set_adapters({"south": made["south"]})
    assert await said(engine, "south") == south
    with pytest.raises(NotFound):
        await said(engine, "north")


async def test_a_stream_ends_as_it_began_while_its_adapter_is_replaced(tiny: TinyModel, made: dict[str, str]):
    engine = load(llama_spec(tiny, adapters={"a": made["north"]}))
    try:
        whole = "".join([delta.text async for batch in engine.stream(endless()) for delta in batch])
        stream = engine.stream(endless())
        pieces = [delta.text for delta in await anext(stream)]
        await engine.set_adapters({"a": made["south"], "b": made["west"]})
        south = await said(engine, "a")
        pieces += [delta.text async for batch in stream for delta in batch]
        assert "".join(pieces) == whole
        await engine.set_adapters({"a": made["north"]})
        assert await said(engine, "a") != south
    finally:
        engine.close()


async def test_adapters_change_under_load_and_every_answer_is_right(engine: LlamaCpp, made: dict[str, str]):
    await engine.set_adapters(made)
    names = (None, "north", "south", "west")
    alone = {name: await said(engine, name) for name in names}
    assert len(set(alone.values())) == 4
    order = [names[index % 4] for index in range(48)]
    asking = [asyncio.create_task(said(engine, name)) for name in order]
    for chosen in ({**made, "copy": made["north"]}, made, {**made, "more": made["south"]}):
        await engine.set_adapters(chosen)
    assert await asyncio.gather(*asking) == [alone[name] for name in order]
    assert await said(engine, "more") == alone["south"]


async def test_one_that_is_not_taken_leaves_all_as_it_was(engine: LlamaCpp, made: dict[str, str], tmp_path: Path):
    await engine.set_adapters({"north": made["north"]})
    before = await said(engine, "north")
    other = save_adapter(Path("training/nano/weights/hearth-nano"), tmp_path / "other", 1)
    with pytest.raises(Unprocessable, match="for another model"):
        await engine.set_adapters({**made, "other": str(other)})
    assert await said(engine, "north") == before
    with pytest.raises(NotFound):
        await said(engine, "west")


async def test_an_old_server_goes_when_its_last_answer_has_ended(tiny: TinyModel, made: dict[str, str]):
    engine = load(llama_spec(tiny, adapters={}))
    try:
        old = engine.seat
        assert old is not None
        stream = engine.stream(endless())
        await anext(stream)
        async with asyncio.timeout(PATIENCE_S):
            await engine.set_adapters({"north": made["north"]})
        assert old.server is not None
        await stream.aclose()
        await until(lambda: old.server is None)
        assert (await engine.count_tokens(chat("hello", adapter="north"))).tokens > 0
    finally:
        engine.close()

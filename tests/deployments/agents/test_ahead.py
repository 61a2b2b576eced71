from __future__ import annotations

import asyncio
from dataclasses import replace

from cluster.contracts.models import ModelKind, ModelState
from cluster.fakes.gateway import FakeGateway, fake_model
from deployments.agents.ahead import GLANCE_S, Ahead
from tests.deployments.agents.place import Place, spec_of
from tests.patience import PATIENCE_S

GRAPH = spec_of(
    """
    nodes:
      begin: {kind: transform, value: "1", then: [ask, look, hear, each, dynamic]}
      ask: {kind: llm, model: dear, user: x}
      look: {kind: vision, image: input.image}
      hear: {kind: audio, audio: input.audio, model: own-whisper}
      each: {kind: map, over: input.items, each: {kind: embed, texts: item}}
      dynamic: {kind: llm, model: "{{ input.model }}", user: x, then: later}
      later: {kind: llm, user: x, model: not-yet}
    """
)


async def announced(gateway: FakeGateway, node: str, default: str | None = None) -> list[str]:
    found: list[str] = []
    with Ahead(gateway, found.append).looking(GRAPH, node, default):
        await asyncio.sleep(0.01)
    return sorted(found)


async def test_models_of_the_nodes_that_may_follow_are_announced() -> None:
    assert await announced(FakeGateway(), "begin") == ["dear", "fake-embedder", "fake-ocr", "own-whisper"]


async def test_nothing_is_announced_where_nothing_follows() -> None:
    assert await announced(FakeGateway(), "later") == []


async def test_a_model_that_is_not_here_is_not_announced() -> None:
    out = replace(fake_model("big-ocr", ModelKind.OCR), state=ModelState.NOT_PULLED)

    assert await announced(FakeGateway((out, fake_model("ocr", ModelKind.OCR))), "begin") == ["dear", "ocr", "own-whisper"]


async def test_the_model_of_the_next_node_is_announced_while_this_one_works(place: Place) -> None:
    found: list[str] = []
    place.ahead = Ahead(place.gateway, found.append)
    queued = await place.add("nodes: {a: {kind: tool, tool: waits, then: b}, b: {kind: llm, user: x}}", model="dear")
    async with place.runner():
        await place.until(queued, lambda _: place.tools.waiting == 1)
        assert found == ["dear"]
        place.tools.let_go.set()
        await place.settled(queued)


async def test_a_model_that_is_loaded_for_this_node_is_not_overtaken_by_the_next_nodes() -> None:
    spec = spec_of("nodes: {a: {kind: llm, model: first, user: x, then: b}, b: {kind: llm, model: second, user: x}}")
    gateway = FakeGateway((fake_model("first", ModelKind.LLM, state=ModelState.LOADING),))
    found: asyncio.Queue[str] = asyncio.Queue()
    with Ahead(gateway, found.put_nowait).looking(spec, "a", None):
        await asyncio.sleep(0.01)
        assert found.empty()
        gateway.served = (fake_model("first", ModelKind.LLM),)
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == "second"


async def test_a_node_that_ended_before_its_model_was_there_announces_nothing() -> None:
    spec = spec_of("nodes: {a: {kind: llm, model: first, user: x, then: b}, b: {kind: llm, model: second, user: x}}")
    gateway = FakeGateway((fake_model("first", ModelKind.LLM, state=ModelState.IDLE),))
    found: list[str] = []
    ahead = Ahead(gateway, found.append)
    with ahead.looking(spec, "a", None):
        await asyncio.sleep(0.01)
    gateway.served = (fake_model("first", ModelKind.LLM),)
    await asyncio.sleep(2 * GLANCE_S)
    assert found == []

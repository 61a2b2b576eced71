from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import pytest

from cluster.errors import ContextLengthExceeded
from deployments.engines.paced import Paced
from deployments.llm import Llm
from tests.deployments.fixtures.talks import GREETING, chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec
from tests.patience import PATIENCE_S


@pytest.fixture(scope="module")
async def llm(tiny: TinyModel) -> AsyncIterator[Llm]:
    llm = Llm(llama_spec(tiny, max_queued=2000).model_dump(mode="json"))
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def handle(ray_runtime: object, tiny: TinyModel) -> Iterator[Any]:
    with warnings.catch_warnings():  # Ray Serve's own use of pydantic, at import
        warnings.simplefilter("ignore")
        from ray import serve
    serve.start(proxy_location="Disabled")
    spec = llama_spec(tiny).model_dump(mode="json")
    deployed = serve.deployment(name="tiny", max_ongoing_requests=100, ray_actor_options={"num_cpus": 0})(Llm)
    yield serve.run(deployed.bind(spec), name="llm-test", route_prefix=None)
    serve.delete("llm-test")


async def test_it_answers_and_streams(llm: Llm):
    assert (await llm.generate(chat("hello"))).text == GREETING
    deltas = [delta async for batch in llm.stream(chat("hello")) for delta in batch]
    assert "".join(delta.text for delta in deltas) == GREETING


async def test_it_measures_itself(llm: Llm):
    stats = llm.stats()
    assert stats.slots == 3
    assert stats.load_s > 0
    assert 2**20 < stats.memory_bytes < psutil.virtual_memory().total


async def test_a_thousand_streams_wait_without_a_thread_of_their_own(llm: Llm):
    async def first(number: int) -> str:
        async for batch in llm.stream(chat(f"hello {number % 7}", max_tokens=2)):
            return batch[0].text
        return ""

    before = threading.active_count()
    tasks = [asyncio.create_task(first(number)) for number in range(1000)]
    await asyncio.sleep(0)
    most = threading.active_count()
    answers = await asyncio.gather(*tasks)
    assert all(answers)
    assert most - before <= 3


def test_a_pace_in_the_spec_slows_the_engine_down(tiny: TinyModel):
    llm = Llm(llama_spec(tiny, pace_tokens_per_s=50.0))
    assert isinstance(llm._engine, Paced)
    llm.close()


async def test_behind_serve_errors_keep_their_type(handle: Any):
    with pytest.raises(ContextLengthExceeded, match="Shorten"):
        await handle.generate.remote(chat("hello " * 700))


async def test_behind_serve_a_prompt_is_counted(handle: Any):
    counted = await handle.count_tokens.remote(chat("hello"))
    assert counted.tokens == (await handle.generate.remote(chat("hello"))).usage.prompt_tokens


async def test_behind_serve_a_stream_ends_with_reason_and_usage(handle: Any):
    deltas = [delta async for batch in handle.options(stream=True).stream.remote(chat("hello")) for delta in batch]
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None


async def test_behind_serve_a_caller_that_leaves_frees_its_slot(handle: Any):
    streams = [handle.options(stream=True).stream.remote(endless(f"{i}")) for i in range(3)]
    for stream in streams:
        await anext(stream)
    for stream in streams:
        stream.cancel()
    async with asyncio.timeout(PATIENCE_S):
        while (await handle.stats.remote()).running:  # noqa: ASYNC110 - polled across processes
            await asyncio.sleep(0.02)
    assert (await handle.generate.remote(chat("hello"))).text == GREETING

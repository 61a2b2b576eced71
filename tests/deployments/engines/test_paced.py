from __future__ import annotations

import asyncio

from deployments.engines.llama_cpp import load
from deployments.engines.paced import Paced
from tests.deployments.fixtures.talks import GREETING, UNENDING, chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec


async def test_tokens_are_released_no_faster_than_the_pace(tiny: TinyModel):
    engine = Paced(load(llama_spec(tiny)), tokens_per_s=200.0)
    clock = asyncio.get_running_loop().time
    began: float | None = None
    moments = []
    async for batch in engine.stream(chat("hello")):
        began = clock() if began is None else began
        assert len(batch) == 1
        moments.append(clock() - began)
    engine.close()
    assert all(moment >= number / 200.0 - 0.002 for number, moment in enumerate(moments))


async def test_the_answer_is_the_engines_own(tiny: TinyModel):
    engine = Paced(load(llama_spec(tiny)), tokens_per_s=1000.0)
    assert (await engine.generate(chat("hello"))).text == GREETING
    await engine.check_health()
    engine.close()


async def test_a_stream_that_is_left_frees_its_place(tiny: TinyModel):
    engine = Paced(load(llama_spec(tiny, parallel=1)), tokens_per_s=20.0)
    stream = engine.stream(endless())
    await anext(stream)
    waiting = asyncio.create_task(engine.generate(chat("hello", max_tokens=2, logit_bias=UNENDING)))
    await stream.aclose()
    assert (await waiting).usage.completion_tokens == 2
    engine.close()

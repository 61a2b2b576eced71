"""The fake is only as good as the vendors' own clients find it."""

from __future__ import annotations

import asyncio
import sys

import openai
import pytest

from cluster.fakes.upstream import HEADER
from tests.patience import PATIENCE_S


@pytest.fixture
async def client(upstream):
    async with openai.AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="none", max_retries=0) as made:
        yield made


async def test_openais_own_client_understands_it(client):
    messages = [{"role": "user", "content": "good morning"}]
    whole = await client.chat.completions.create(model="echo", messages=messages)
    assert whole.choices[0].message.content == "You said: good morning"
    stream = await client.chat.completions.create(model="echo", messages=messages, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]) == "You said: good morning"
    assert [model.id async for model in client.models.list()] == ["echo"]


async def test_a_header_tells_it_what_to_do_too(client):
    with pytest.raises(openai.InternalServerError, match="told to fail"):
        await client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "hi"}], extra_headers={HEADER: "status=503"}
        )


async def test_a_person_can_run_it():
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cluster.fakes.upstream", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert (await process.stdout.readline()).startswith(b"OpenAI: http://127.0.0.1:")
    finally:
        process.terminate()
        await process.wait()

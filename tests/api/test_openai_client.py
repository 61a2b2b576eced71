"""The official OpenAI client, unchanged, over a real socket."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from cluster.errors import EngineError
from cluster.fakes.gateway import FakeGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    },
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
async def ai(served, gateway, api_key):
    async with served(gateway) as http, openai.AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key=api_key, max_retries=0) as client:
        yield client


async def test_models(ai):
    assert [model.id async for model in ai.models.list()][:2] == ["fake-llm", "fake-llm:pirate"]
    assert (await ai.models.retrieve("fake-llm:pirate")).owned_by == "hearth"


async def test_chat(ai):
    answer = await ai.chat.completions.create(model="fake-llm", messages=HELLO, n=2, seed=1, stop=["x"], temperature=0)
    assert [choice.message.content for choice in answer.choices] == ["You said: hello there"] * 2
    assert answer.usage.prompt_tokens_details.cached_tokens == 1


async def test_chat_streamed(ai):
    stream = await ai.chat.completions.create(model="fake-llm", messages=HELLO, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "You said: hello there"
    assert chunks[-1].usage.completion_tokens == 4


async def test_chat_streamed_through_the_accumulating_helper(ai):
    async with ai.chat.completions.stream(model="fake-llm", messages=HELLO, logprobs=True, top_logprobs=1) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "You said: hello there"
    assert final.choices[0].logprobs.content[0].top_logprobs[0].token == "You"


async def test_tools_answered_and_sent_back(ai):
    first = await ai.chat.completions.create(model="fake-llm", messages=HELLO, tools=[WEATHER], tool_choice="required")
    message = first.choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "text"}
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"}
    for said in (message, message.model_dump(), message.model_dump(exclude_none=True)):
        second = await ai.chat.completions.create(model="fake-llm", messages=[*HELLO, said, result], tools=[WEATHER])
        assert second.choices[0].message.content == "You said: rain"


async def test_tool_calls_streamed(ai):
    async with ai.chat.completions.stream(model="fake-llm", messages=HELLO, tools=[WEATHER], tool_choice="required") as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == {"city": "text"}


async def test_structured_output(ai):
    answer = await ai.chat.completions.parse(model="fake-llm", messages=HELLO, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="text", age=0)


async def test_completions(ai):
    answer = await ai.completions.create(model="fake-llm", prompt=["a", "b"], logprobs=1)
    assert [choice.text for choice in answer.choices] == ["You said: a", "You said: b"]
    stream = await ai.completions.create(model="fake-llm", prompt="a", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "You said: a"


async def test_embeddings(ai):
    packed = await ai.embeddings.create(model="fake-embedder", input=["a", "b"])
    plain = await ai.embeddings.create(model="fake-embedder", input=["a", "b"], encoding_format="float")
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding)
    assert packed.usage.total_tokens == 2


async def test_transcriptions(ai):
    sound = ("a.wav", b"RIFF1234")
    assert (await ai.audio.transcriptions.create(model="fake-whisper", file=sound)).text == "8 bytes of wav."
    verbose = await ai.audio.transcriptions.create(
        model="fake-whisper", file=sound, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert verbose.words[0].word == "8"
    assert verbose.segments[0].end == 3.0
    for kind in ("text", "srt", "vtt"):
        assert "8 bytes" in str(await ai.audio.transcriptions.create(model="fake-whisper", file=sound, response_format=kind))


async def test_errors_become_the_clients_own_exceptions(ai):
    with pytest.raises(openai.NotFoundError, match="did you mean 'fake-llm'") as unknown:
        await ai.chat.completions.create(model="fake-lm", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    assert unknown.value.request_id
    with pytest.raises(openai.BadRequestError) as wrong:
        await ai.chat.completions.create(model="fake-llm", messages=HELLO, extra_body={"temprature": 1})
    assert wrong.value.param == "temprature"


async def test_an_error_in_a_stream_is_raised_by_the_client(served, api_key):
    gateway = FakeGateway(failures={"fake-llm": EngineError("The engine stopped; send it again.")}, breaks_after={"fake-llm": 1})
    async with served(gateway) as http, openai.AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key=api_key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="fake-llm", messages=HELLO, stream=True)
        assert isinstance(stream, openai.AsyncStream)
        with pytest.raises(openai.APIError, match="The engine stopped"):
            async for _ in stream:
                pass

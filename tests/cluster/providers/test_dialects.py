from __future__ import annotations

import base64
import json

import pytest

from cluster.contracts.generation import Image, JsonObject, Message, ResponseFormat, Sampling, ToolCall, Usage
from cluster.errors import ContextLengthExceeded, Unprocessable
from tests.cluster.providers.conftest import KEY, provider
from tests.cluster.providers.questions import WEATHER, ask, streamed, talk

KINDS = ("openai", "openrouter", "openai_compatible", "anthropic", "ollama")


@pytest.fixture(params=["whole", "streamed"])
def answered(request):
    async def answer(gateway, question):
        return await (gateway.generate(question) if request.param == "whole" else streamed(gateway, question))

    return answer


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_answers_with_text_and_the_usage_it_reports(kind, upstream, making, answered):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    answer = await answered(gateway, ask("far/echo"))
    cached = 0 if kind == "ollama" else 4
    assert (answer.text, answer.finish_reason) == ("You said: good morning Riga", "stop")
    assert answer.usage == Usage(11, 5, cached)
    assert answer.provenance is not None
    assert answer.provenance.served_by == "far/echo"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_calls_tools(kind, upstream, making, answered):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    answer = await answered(gateway, ask("far/echo", "use the tool", tools=(WEATHER,)))
    (call,) = answer.tool_calls
    assert answer.finish_reason == "tool_calls"
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Riga"})
    assert call.id


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_told_what_tools_answered(kind, upstream, making):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    called = Message("assistant", tool_calls=(ToolCall("call_7", "weather", '{"city": "Riga"}'),))
    question = ask("far/echo", "weather?")
    history = (Message("system", "Be brief."), *question.messages, called, Message("tool", "rain", name="weather", tool_call_id="call_7"))
    answer = await gateway.generate(talk("far/echo", *history, tools=(WEATHER,)))
    sent = json.dumps(upstream.asked[-1].body)
    assert answer.finish_reason == "stop"
    assert "rain" in sent
    assert "Be brief." in sent
    assert kind == "ollama" or sent.count("call_7") == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_shown_images(kind, upstream, making):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    picture = Image("image/png", b"\x89PNG...")
    await gateway.generate(talk("far/echo", Message("user", "what is this", images=(picture,))))
    assert base64.b64encode(picture.data).decode() in json.dumps(upstream.asked[-1].body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", ["json_object", "json_schema"])
async def test_every_kind_is_held_to_a_format(kind, wanted, upstream, making, answered):
    schema: JsonObject | None = {"type": "object", "properties": {"city": {"type": "string"}}} if wanted == "json_schema" else None
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    answer = await answered(gateway, ask("far/echo", response_format=ResponseFormat(wanted, schema)))
    assert isinstance(json.loads(answer.text), dict)
    assert answer.finish_reason == "stop"
    assert answer.tool_calls == ()
    assert schema is None or json.dumps(schema) in json.dumps(upstream.asked[-1].body)


async def test_a_schema_is_strict_only_where_openai_would_take_it(upstream, making):
    gateway = making({"far": provider(upstream, "openai", ("echo",))})
    closed: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    loose: JsonObject = {"type": "object", "properties": {"a": closed}}
    for schema, strict in ((closed, True), (loose, False)):
        await gateway.generate(ask("far/echo", response_format=ResponseFormat("json_schema", schema)))
        assert upstream.asked[-1].body["response_format"]["json_schema"]["strict"] is strict


@pytest.mark.parametrize("kind", KINDS)
async def test_the_key_is_shown_as_each_kind_wants_it(kind, upstream, making):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    await gateway.generate(ask("far/echo"))
    headers = upstream.asked[-1].headers
    assert headers.get("x-api-key") == KEY if kind == "anthropic" else headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("kind", KINDS)
async def test_sampling_is_passed_on_under_each_kinds_names(kind, upstream, making):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    await gateway.generate(ask("far/echo", sampling=Sampling(temperature=0.5, top_p=0.9, max_tokens=77, stop=("END",))))
    body = upstream.asked[-1].body
    given = body["options"] if kind == "ollama" else body
    limit = {"ollama": "num_predict", "openai": "max_completion_tokens"}.get(kind, "max_tokens")
    stop = "stop_sequences" if kind == "anthropic" else "stop"
    assert (given["temperature"], given["top_p"], given[limit], given[stop]) == (0.5, 0.9, 77, ["END"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lie", ["none", "wrong"])
async def test_usage_that_is_missing_or_nonsense_is_estimated_and_says_so(kind, lie, upstream, making, answered):
    model = f"echo+usage={lie}"
    gateway = making({"far": provider(upstream, kind, (model,))})
    usage = (await answered(gateway, ask(f"far/{model}"))).usage
    assert usage.estimated
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0


@pytest.mark.parametrize("kind", ["anthropic", "ollama"])
async def test_what_a_kind_cannot_do_is_refused_with_the_reason(kind, upstream, making):
    gateway = making({"far": provider(upstream, kind, ("echo",))})
    with pytest.raises(Unprocessable, match="'far/echo' cannot do this: it knows no log probabilities"):
        await gateway.generate(ask("far/echo", sampling=Sampling(top_logprobs=2)))
    assert upstream.asked == []


async def test_arguments_that_are_no_object_are_refused_where_an_object_is_needed(upstream, making):
    gateway = making({"far": provider(upstream, "anthropic", ("echo",))})
    called = Message("assistant", tool_calls=(ToolCall("call_7", "weather", "{oops"),))
    with pytest.raises(Unprocessable, match="no JSON object"):
        await gateway.generate(talk("far/echo", Message("user", "hi"), called))


async def test_a_prompt_that_is_too_long_is_told_as_such(upstream, making):
    upstream.down = 400
    upstream.complaint = "prompt is too long: 210000 tokens > 200000 maximum"
    gateway = making({"far": provider(upstream, "anthropic", ("echo",))})
    with pytest.raises(ContextLengthExceeded, match="210000 tokens > 200000"):
        await gateway.generate(ask("far/echo"))

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from cluster.contracts.generation import GenerationRequest, Message, ResponseFormat, Sampling, ToolCall
from cluster.errors import Cancelled, ConfigError, ContextLengthExceeded, EngineError, NotFound, Overloaded, Unprocessable
from cluster.specs.catalog import SamplingSpec
from deployments.engines.llama_cpp import LlamaCpp, load
from tests.deployments.fixtures.talks import GREETING, SCHEMA, UNENDING, WEATHER, chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec
from tests.patience import PATIENCE_S

CONTEXT = 512  # as in llama_spec


@pytest.fixture(scope="module")
async def engine(tiny: TinyModel) -> AsyncIterator[LlamaCpp]:
    engine = load(llama_spec(tiny))
    yield engine
    engine.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition is a reading of the engine, there is nothing to be told by
            await asyncio.sleep(0.005)


async def idle(engine: LlamaCpp) -> None:
    await until(lambda: engine.occupancy().running == 0 and engine.occupancy().queued == 0)


async def test_a_streamed_answer_is_the_whole_answer_in_pieces(engine: LlamaCpp):
    batches = [batch async for batch in engine.stream(chat("hello"))]
    whole = await engine.generate(chat("hello"))
    deltas = [delta for batch in batches for delta in batch]
    assert "".join(delta.text for delta in deltas) == whole.text == GREETING
    assert len(deltas) > 5
    assert deltas[-1].finish_reason == whole.finish_reason == "stop"
    assert all(delta.finish_reason is None for delta in deltas[:-1])


async def test_a_request_that_says_nothing_of_sampling_gets_what_the_models_authors_recommend(tiny: TinyModel):
    greedy = load(llama_spec(tiny, sampling=SamplingSpec(temperature=0.0)))

    async def answers(temperature: float | None) -> set[str]:
        asked = [chat("what nobody taught it", seed=seed, temperature=temperature) for seed in range(6)]
        return {answer.text for answer in await asyncio.gather(*map(greedy.generate, asked))}

    try:
        assert len(await answers(None)) == 1
        assert len(await answers(1.5)) > 1
    finally:
        greedy.close()


async def test_usage_is_counted_by_the_engine_and_names_cached_tokens(engine: LlamaCpp):
    first = await engine.generate(chat("count the tokens of this prompt", max_tokens=7))
    again = await engine.generate(chat("count the tokens of this prompt", max_tokens=7))
    assert first.usage.completion_tokens == 7
    assert again.usage.prompt_tokens == first.usage.prompt_tokens
    assert 0 < again.usage.cached_tokens < again.usage.prompt_tokens


@pytest.mark.parametrize(
    "request_",
    [
        chat("hello"),
        chat("hello", adapter="formal"),
        chat("<|im_start|> is a mark, and 日本語 is not\n\n"),
        chat("weather in Oslo?", tools=(WEATHER,)),
        chat("a colour", answer=ResponseFormat("json_schema", SCHEMA), max_tokens=4),
        replace(
            chat("rain?"),
            messages=(Message("system", "Be brief."), Message("user", "rain?"), Message("assistant", ""), Message("user", "?")),
        ),
        GenerationRequest(model="tiny", prompt="the quick <|im_start|>", sampling=Sampling(max_tokens=1)),
        GenerationRequest(model="tiny", prompt=(40, 41, 42), sampling=Sampling(max_tokens=1)),
    ],
    ids=lambda request: str(request.prompt or request.messages[0].content)[:12],
)
async def test_a_count_without_an_answer_is_what_the_answer_reports(engine: LlamaCpp, request_: GenerationRequest):
    counted = await engine.count_tokens(request_)
    assert (counted.tokens, counted.exact) == ((await engine.generate(request_)).usage.prompt_tokens, True)


async def test_counting_takes_no_slot_and_knows_no_limit(engine: LlamaCpp):
    await idle(engine)
    counting = asyncio.gather(*(engine.count_tokens(chat("hello " * 700)) for _ in range(5)))
    while not counting.done():
        assert (engine.occupancy().running, engine.occupancy().queued) == (0, 0)
        await asyncio.sleep(0)
    assert {count.tokens > CONTEXT for count in await counting} == {True}


async def test_a_completion_takes_text_or_token_ids(engine: LlamaCpp):
    sampling = Sampling(temperature=0.0, max_tokens=5)
    by_ids = await engine.generate(GenerationRequest(model="tiny", prompt=(40, 41, 42), sampling=sampling))
    by_text = await engine.generate(GenerationRequest(model="tiny", prompt="the quick", sampling=sampling))
    assert by_ids.usage.prompt_tokens == 3
    assert by_ids.text != by_text.text


async def test_token_ids_outside_the_vocabulary_are_the_callers_mistake(engine: LlamaCpp):
    with pytest.raises(Unprocessable, match="invalid tokens"):
        await engine.generate(GenerationRequest(model="tiny", prompt=(40, 999_999)))


async def test_a_stop_string_ends_the_answer_and_is_left_out(engine: LlamaCpp):
    stopped = await engine.generate(chat("hello", stop=(" help",)))
    assert stopped.text == "Hello! How can I"
    assert stopped.finish_reason == "stop"


async def test_the_same_seed_gives_the_same_answer_and_another_seed_another(engine: LlamaCpp):
    one, same, other = [(await engine.generate(chat("unheard of", temperature=2.0, seed=seed))).text for seed in (5, 5, 6)]
    assert one == same != other


async def test_a_bias_forbids_a_token(engine: LlamaCpp):
    (first,) = (await engine.generate(chat("hello", max_tokens=1, top_logprobs=1))).logprobs
    assert first.token == GREETING[: len(first.token)]
    biased = await engine.generate(chat("hello", logit_bias={2: 100.0}))
    assert (biased.text, biased.usage.completion_tokens) == ("", 1)


async def test_log_probabilities_come_with_as_many_alternatives_as_asked(engine: LlamaCpp):
    answer = await engine.generate(chat("hello", max_tokens=4, top_logprobs=2))
    bare = await engine.generate(chat("hello", max_tokens=4, top_logprobs=0))
    assert [len(logprob.top) for logprob in answer.logprobs] == [2, 2, 2, 2]
    assert [len(logprob.top) for logprob in bare.logprobs] == [0, 0, 0, 0]
    assert all(logprob.logprob <= 0 for logprob in answer.logprobs)
    assert [logprob.logprob for logprob in answer.logprobs] == [logprob.top[0][1] for logprob in answer.logprobs]


@pytest.mark.parametrize("seed", range(8))
async def test_an_answer_held_to_a_schema_satisfies_it(engine: LlamaCpp, seed: int):
    wanted = chat("a colour", answer=ResponseFormat("json_schema", SCHEMA), temperature=1.5, seed=seed, max_tokens=None)
    answer = await engine.generate(wanted)
    parsed = json.loads(answer.text)
    assert parsed["colour"] in {"red", "blue"}
    assert parsed["count"] in range(10)
    assert answer.finish_reason == "stop"


async def test_a_tool_call_comes_apart_from_the_text(engine: LlamaCpp):
    request = chat("weather in Oslo?", tools=(WEATHER,), max_tokens=60)
    answer = await engine.generate(request)
    assert answer.finish_reason == "tool_calls"
    assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [("weather", {"city": "Oslo"})]
    assert not answer.text.strip()
    pieces = [piece async for batch in engine.stream(request) for delta in batch for piece in delta.tool_calls]
    assert "".join(piece.arguments for piece in pieces) == answer.tool_calls[0].arguments


async def test_a_tool_result_goes_back_into_the_conversation(engine: LlamaCpp):
    called = Message("assistant", tool_calls=(ToolCall("1", "weather", '{"city": "Oslo"}'),))
    told = Message("tool", "rain", tool_call_id="1")
    request = chat("weather in Oslo?", tools=(WEATHER,), max_tokens=5)
    longer = replace(request, messages=(*request.messages, called, told))
    asked, answered = await engine.generate(request), await engine.generate(longer)
    assert answered.usage.prompt_tokens > asked.usage.prompt_tokens + 10


async def test_a_schema_holds_beside_tools_too(engine: LlamaCpp):
    wanted = chat("colour?", tools=(WEATHER,), answer=ResponseFormat("json_schema", SCHEMA), max_tokens=None)
    answer = await engine.generate(replace(wanted, tool_choice="none"))
    assert json.loads(answer.text)["colour"] in {"red", "blue"}


async def test_an_answer_asked_for_as_json_is_an_object(engine: LlamaCpp):
    answer = await engine.generate(chat("anything", answer=ResponseFormat("json_object"), temperature=1.0, seed=3, max_tokens=None))
    assert answer.text.lstrip().startswith("{")


async def test_a_schema_that_is_none_is_the_callers_mistake(engine: LlamaCpp):
    with pytest.raises(Unprocessable, match="Invalid type: nonsense"):
        await engine.generate(chat("x", answer=ResponseFormat("json_schema", {"type": "nonsense"})))


async def test_a_prompt_over_the_context_is_refused_with_both_counts(engine: LlamaCpp):
    with pytest.raises(ContextLengthExceeded, match=rf"has \d{{4}} tokens and 'tiny' takes {CONTEXT}.*Shorten"):
        await engine.generate(chat("hello " * 700))


async def test_a_completion_over_the_context_is_refused_alike(engine: LlamaCpp):
    with pytest.raises(ContextLengthExceeded, match="has 600 tokens"):
        await engine.generate(GenerationRequest(model="tiny", prompt=(40,) * 600))


async def test_max_tokens_beyond_the_context_are_cut_to_what_is_left(engine: LlamaCpp):
    answer = await engine.generate(chat("h" * 400, max_tokens=100_000, logit_bias=UNENDING))
    assert answer.finish_reason == "length"
    assert answer.usage.total_tokens == CONTEXT


async def test_more_requests_than_slots_wait_and_all_are_answered(engine: LlamaCpp):
    alone = [(await engine.generate(chat(f"question {i}"))).text for i in range(7)]
    await idle(engine)  # an answer is read a moment before its slot is free again, and seven are all that the engine takes
    together = await asyncio.gather(*(engine.generate(chat(f"question {i}")) for i in range(7)))
    assert [answer.text for answer in together] == alone
    await idle(engine)


async def test_beyond_the_queue_the_caller_is_told_when_to_retry(engine: LlamaCpp):
    tasks = [asyncio.create_task(engine.generate(endless(f"{i}"))) for i in range(7)]
    await until(lambda: engine.occupancy().queued == 4)
    with pytest.raises(Overloaded, match=r"retry in \d+ s"):
        await engine.generate(chat("one too many"))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await idle(engine)


async def test_a_caller_that_leaves_frees_its_slot(engine: LlamaCpp):
    streams = [engine.stream(endless(f"{i}")) for i in range(3)]
    for stream in streams:
        await anext(stream)
    assert engine.occupancy().running == 3
    for stream in streams:
        await stream.aclose()
    answer = await engine.generate(chat("hello", max_tokens=3))
    assert answer.usage.completion_tokens == 3
    await idle(engine)


async def test_a_caller_that_leaves_the_queue_is_forgotten(engine: LlamaCpp):
    tasks = [asyncio.create_task(engine.generate(endless(f"{i}"))) for i in range(5)]
    await until(lambda: engine.occupancy().queued == 2)
    for task in tasks[3:]:
        task.cancel()
    await until(lambda: engine.occupancy().queued == 0)
    for task in tasks[:3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await idle(engine)


async def test_adapters_and_the_base_answer_together_as_they_do_alone(engine: LlamaCpp):
    names = (None, "formal", "terse")
    alone = {name: (await engine.generate(chat("who are you", adapter=name))).text for name in names}
    assert len(set(alone.values())) == 3
    order = [names[i % 3] for i in range(30)]
    waves = [
        await asyncio.gather(*(engine.generate(chat("who are you", adapter=name)) for name in order[i : i + 6])) for i in range(0, 30, 6)
    ]
    answers = [answer.text for wave in waves for answer in wave]
    assert answers == [alone[name] for name in order]


async def test_an_unknown_adapter_is_not_found_and_the_nearest_is_named(engine: LlamaCpp):
    with pytest.raises(NotFound, match="did you mean 'formal'"):
        await engine.generate(chat("hello", adapter="fromal"))


async def test_a_slow_reader_gets_what_has_arrived_at_once(engine: LlamaCpp):
    stream = engine.stream(endless())
    first = await anext(stream)
    await until(lambda: engine.occupancy().running == 0)
    rest = [batch async for batch in stream]
    assert len(rest) <= 1
    assert sum(len(batch) for batch in [first, *rest]) > 100
    assert (rest or [first])[-1][-1].finish_reason == "length"


async def test_an_engine_that_shuts_down_tells_its_readers(tiny: TinyModel):
    engine = load(llama_spec(tiny, parallel=1, adapters={}))
    stream = engine.stream(endless())
    await anext(stream)
    task = asyncio.create_task(engine.generate(chat("waiting")))
    await until(lambda: engine.occupancy().queued == 1)
    engine.close()
    engine.close()
    with pytest.raises(Cancelled):
        async for _ in stream:
            pass
    with pytest.raises(Cancelled):
        await task
    with pytest.raises(Cancelled):
        await engine.count_tokens(chat("hello"))
    with pytest.raises(EngineError, match="shut down"):
        await engine.check_health()


async def test_a_healthy_engine_says_so(engine: LlamaCpp):
    await engine.check_health()


def test_missing_weights_are_named_with_the_cure(tiny: TinyModel):
    with pytest.raises(ConfigError, match=r"nowhere.gguf.*hearth models pull"):
        load(llama_spec(tiny, path="/nowhere.gguf"))


def test_weights_of_another_format_are_refused(tiny: TinyModel):
    with pytest.raises(ConfigError, match="not a GGUF file"):
        load(llama_spec(tiny, path=str(tiny.hf), file="model.safetensors"))


def test_a_missing_adapter_is_named(tiny: TinyModel):
    with pytest.raises(ConfigError, match="adapter 'x' of 'tiny'"):
        load(llama_spec(tiny, adapters={"x": "/nowhere/x.gguf"}))


def test_weights_that_are_cut_short_are_an_engine_error(tiny: TinyModel, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.gguf.read_bytes()[:100_000])
    with pytest.raises(EngineError, match=r"cut.gguf.*Pull the model again"):
        load(llama_spec(tiny, path=str(cut)))


def test_a_gpu_model_never_falls_back_to_the_cpu(tiny: TinyModel):
    with pytest.raises(EngineError, match="sees none"):
        load(llama_spec(tiny, device="cuda"))


async def test_it_takes_other_slots_while_it_answers_and_nothing_is_broken_off(tiny: TinyModel):
    engine = load(llama_spec(tiny, parallel=1, adapters={}))
    spec = llama_spec(tiny, parallel=3, context_tokens=256, adapters={})
    try:
        running = asyncio.create_task(engine.generate(chat("go on", max_tokens=200, logit_bias=UNENDING)))
        await until(lambda: engine.occupancy().running == 1)
        await engine.refit(spec)
        more = [asyncio.create_task(engine.generate(chat("go on", max_tokens=30, logit_bias=UNENDING))) for _ in range(4)]
        await until(lambda: engine.occupancy().running == 3)
        assert [answer.usage.completion_tokens for answer in await asyncio.gather(*more, running)] == [30, 30, 30, 30, 200]
        with pytest.raises(ContextLengthExceeded):
            await engine.generate(chat("hello " * 300))
        await engine.refit(llama_spec(tiny, parallel=1, adapters={}))
        assert (await engine.generate(chat("hello"))).text == GREETING
        assert engine.occupancy().slots == 1
    finally:
        engine.close()


async def test_slots_that_the_library_does_not_take_leave_it_as_it_was(tiny: TinyModel):
    engine = load(llama_spec(tiny, adapters={}))
    try:
        with pytest.raises(ConfigError):
            await engine.refit(llama_spec(tiny, parallel=5, path="/nowhere.gguf"))
        assert (await engine.generate(chat("hello"))).text == GREETING
        assert engine.occupancy().slots == 3
    finally:
        engine.close()

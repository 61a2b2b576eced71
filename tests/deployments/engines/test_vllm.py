"""One engine for the whole file, in a Ray actor as Serve would run it. One test kills it, and Ray starts it again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from ray.exceptions import RayActorError

from cluster.contracts.generation import GenerationDelta, GenerationRequest, ResponseFormat, Sampling
from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ContextLengthExceeded, NotFound, Unprocessable
from cluster.home import Home
from cluster.learning.adapters.manifest import Entry, Manifest, manifest_path, write_manifest
from deployments.engines import llama_cpp
from deployments.llm import Llm
from tests.deployments.fixtures.peft_adapters import save_adapter, told_by_transformers
from tests.deployments.fixtures.talks import GREETING, SCHEMA, UNENDING, WEATHER, chat, endless
from tests.deployments.fixtures.tiny_model import TinyModel
from tests.patience import PATIENCE_S

CONTEXT = 512


def spec_of(tiny: TinyModel, engine: str, adapters_file: str = "") -> ReplicaSpec:
    vllm = engine == "vllm"
    return ReplicaSpec(
        model="tiny",
        kind=ModelKind.LLM,
        engine=engine,
        path=str(tiny.hf if vllm else tiny.gguf),
        dtype="float32",
        device="cpu",
        budget_bytes=0,
        device_bytes=0,
        context_tokens=CONTEXT,
        parallel=4,
        adapters=tiny.adapters_peft if vllm else tiny.adapters_gguf,
        adapters_file=adapters_file,
        adapters_loaded=2,
        adapter_rank=8,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Where adapters are written down that come later; nobody has had one of the model before it is started."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def replica(ray_runtime: object, tiny: TinyModel, home: Home) -> Iterator[Any]:
    hosted: Any = ray.remote(Llm)
    spec = spec_of(tiny, "vllm", str(manifest_path(home, "tiny")))
    actor = hosted.options(num_cpus=0, max_concurrency=32, max_restarts=1).remote(spec.model_dump(mode="json"))
    ray.get(actor.check_health.remote(), timeout=280)
    yield actor
    ray.kill(actor)


async def streamed(replica: Any, request: GenerationRequest) -> list[GenerationDelta]:
    refs = replica.stream.options(num_returns="streaming").remote(request)
    return [delta async for ref in refs for delta in await ref]


async def idle(replica: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await replica.stats.remote()).running:  # noqa: ASYNC110 - polled across processes
            await asyncio.sleep(0.05)


async def test_a_streamed_answer_is_the_whole_answer_in_pieces(replica: Any):
    deltas = await streamed(replica, chat("hello"))
    whole = await replica.generate.remote(chat("hello"))
    assert "".join(delta.text for delta in deltas) == whole.text == GREETING
    # Tokens that came while nobody read come together.
    assert len(deltas) > 2
    assert deltas[-1].finish_reason == whole.finish_reason == "stop"
    assert deltas[-1].usage == whole.usage or whole.usage.cached_tokens


async def test_a_count_without_an_answer_is_what_the_answer_reports(replica: Any):
    for request in (
        chat("hello"),
        chat("hello", adapter="formal"),
        chat("weather in Oslo?", tools=(WEATHER,)),
        GenerationRequest(model="tiny", prompt="the quick", sampling=Sampling(max_tokens=1)),
        GenerationRequest(model="tiny", prompt=(40, 41, 42), sampling=Sampling(max_tokens=1)),
    ):
        counted = await replica.count_tokens.remote(request)
        assert counted.tokens == (await replica.generate.remote(request)).usage.prompt_tokens


async def test_both_engines_say_the_same(replica: Any, tiny: TinyModel):
    other = llama_cpp.load(spec_of(tiny, "llama_cpp"))
    for request in (
        chat("hello"),
        chat("count to five"),
        chat("something else"),
        chat("hello", adapter="formal"),
        chat("hello", adapter="terse"),
    ):
        ours, theirs = await replica.generate.remote(request), await other.generate(request)
        assert (ours.text, ours.finish_reason) == (theirs.text, theirs.finish_reason)
        assert ours.usage.prompt_tokens == theirs.usage.prompt_tokens
        assert ours.usage.completion_tokens == theirs.usage.completion_tokens
    other.close()


async def test_a_completion_without_a_limit_goes_on_to_the_end_of_the_context(replica: Any):
    request = GenerationRequest(model="tiny", prompt=(40, 41, 42), sampling=Sampling(temperature=0.0, logit_bias=UNENDING))
    answer = await replica.generate.remote(request)
    assert answer.usage.total_tokens == CONTEXT
    assert answer.finish_reason == "length"


async def test_an_answer_held_to_a_schema_satisfies_it(replica: Any):
    requests = [chat("x", answer=ResponseFormat("json_schema", SCHEMA), temperature=1.0, seed=seed, max_tokens=60) for seed in range(6)]
    for answer in await asyncio.gather(*(replica.generate.remote(request) for request in requests)):
        parsed = json.loads(answer.text)
        assert parsed["colour"] in {"red", "blue"}
        assert parsed["count"] in range(10)


async def test_a_schema_that_is_none_is_the_callers_mistake(replica: Any):
    with pytest.raises(Unprocessable, match="nonsense"):
        await replica.generate.remote(chat("x", answer=ResponseFormat("json_schema", {"type": "nonsense"})))


async def test_a_tool_call_comes_apart_from_the_text(replica: Any):
    answer = await replica.generate.remote(chat("weather in Oslo?", tools=(WEATHER,), max_tokens=60))
    assert answer.finish_reason == "tool_calls"
    assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [("weather", {"city": "Oslo"})]
    assert not answer.text.strip()


async def test_log_probabilities_come_with_as_many_alternatives_as_asked(replica: Any):
    spoken = await replica.generate.remote(chat("hello", max_tokens=3, top_logprobs=2))
    bare = await replica.generate.remote(chat("hello", max_tokens=3, top_logprobs=0))
    written = await replica.generate.remote(
        GenerationRequest(
            model="tiny", prompt="hello", sampling=Sampling(temperature=0.0, max_tokens=3, top_logprobs=2, logit_bias=UNENDING)
        )
    )
    assert [len(logprob.top) for logprob in spoken.logprobs] == [2, 2, 2]
    assert [len(logprob.top) for logprob in bare.logprobs] == [0, 0, 0]
    assert [len(logprob.top) for logprob in written.logprobs] == [2, 2, 2]


async def test_a_prompt_over_the_context_is_refused_with_both_counts(replica: Any):
    with pytest.raises(ContextLengthExceeded, match=rf"has \d{{4}} tokens and 'tiny' takes {CONTEXT}"):
        await replica.generate.remote(chat("hello " * 700))
    with pytest.raises(ContextLengthExceeded, match="has 600 tokens"):
        await replica.generate.remote(GenerationRequest(model="tiny", prompt=(40,) * 600))


@pytest.mark.parametrize("wanted", [100_000, 450])
async def test_max_tokens_beyond_the_context_are_cut_to_what_is_left(replica: Any, wanted: int):
    answer = await replica.generate.remote(chat("h " * 100, max_tokens=wanted, logit_bias=UNENDING))
    assert answer.usage.total_tokens == CONTEXT


async def test_adapters_and_the_base_answer_together_as_they_do_alone(replica: Any):
    names = (None, "formal", "terse")
    alone = {name: (await replica.generate.remote(chat("hello", adapter=name))).text for name in names}
    assert len(set(alone.values())) == 3
    order = [names[i % 3] for i in range(12)]
    together = await asyncio.gather(*(replica.generate.remote(chat("hello", adapter=name)) for name in order))
    assert [answer.text for answer in together] == [alone[name] for name in order]


async def test_an_unknown_adapter_is_not_found_and_the_engine_lives(replica: Any):
    with pytest.raises(NotFound, match="did you mean 'formal'"):
        await replica.generate.remote(chat("hello", adapter="fromal"))
    await replica.check_health.remote()


def write(home: Home, **folders: Path) -> None:
    """What there is, by name."""
    entries = [
        Entry(id=name, organisation="o", name=name, version=1, folder=str(folder), named=True, warm=False)
        for name, folder in folders.items()
    ]
    write_manifest(home, Manifest(base="tiny", adapters=tuple(entries)))


async def test_the_first_adapter_of_a_base_may_be_asked_at_once_and_leaves_again(replica: Any, tiny: TinyModel, home: Home, tmp_path: Path):
    folder = save_adapter(tiny.hf, tmp_path / "late", 3)
    write(home, late=folder)
    names = ("late", None, "formal")
    alone = [(await replica.generate.remote(chat("hello", adapter=name))).text for name in names]
    assert len(set(alone)) == 3
    assert alone[0] == told_by_transformers(tiny.hf, folder, "hello", 24)
    together = await asyncio.gather(*(replica.generate.remote(chat("hello", adapter=name)) for name in names))
    assert [answer.text for answer in together] == alone
    write(home)
    assert await replica.refresh_adapters.remote() == []
    with pytest.raises(NotFound):
        await replica.generate.remote(chat("hello", adapter="late"))
    assert (await replica.generate.remote(chat("hello", adapter="formal"))).text == alone[2]


async def test_of_more_than_there_is_room_for_the_one_unused_longest_goes_and_a_higher_rank_is_refused(
    replica: Any, tiny: TinyModel, home: Home, tmp_path: Path
):
    folders = {name: save_adapter(tiny.hf, tmp_path / name, seed) for seed, name in enumerate(("one", "two", "three"), 5)}
    high = save_adapter(tiny.hf, tmp_path / "high", 9, r=16)
    write(home, **folders, high=high)
    for name in (*folders, "one"):
        answer = (await replica.generate.remote(chat("hello", adapter=name))).text
        # Of a letter that is cut off in the middle each says something else.
        assert answer.rstrip("\ufffd") == told_by_transformers(tiny.hf, folders[name], "hello", 24).rstrip("\ufffd")
    with pytest.raises(Unprocessable, match=r"does not take adapter 'high'.*rank"):
        await replica.generate.remote(chat("hello", adapter="high"))
    assert (await replica.generate.remote(chat("hello"))).text == GREETING
    write(home)
    assert await replica.refresh_adapters.remote() == []


@pytest.mark.parametrize(
    ("architecture", "loaded", "told"),
    [
        ("LlamaForCausalLM", 2, {"enable_lora": True, "max_loras": 3, "max_lora_rank": 8}),
        ("LlamaForCausalLM", 0, {}),
        ("GPT2LMHeadModel", 2, {}),
        ("NobodyKnowsIt", 2, {}),
    ],
)
async def test_room_for_adapters_is_made_where_the_architecture_takes_any_and_the_plan_has_counted_it(
    replica: Any, tiny: TinyModel, tmp_path: Path, architecture: str, loaded: int, told: dict[str, Any]
):
    config = json.loads((tiny.hf / "config.json").read_text()) | {"architectures": [architecture]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    changes = {"adapters": {}, "adapters_loaded": loaded, "path": str(tmp_path)}
    spec = spec_of(tiny, "vllm", "not-there-yet.json").model_copy(update=changes)

    def said(_: Any) -> dict[str, Any]:
        from deployments.engines.vllm_config import llm_config  # importing it takes the seconds that this process has spent already

        return {name: value for name, value in llm_config(spec).engine_kwargs.items() if "lora" in name}

    assert await replica.__ray_call__.remote(said) == told


async def test_what_cannot_be_read_is_the_callers_mistake(replica: Any):
    with pytest.raises(Unprocessable):
        await replica.generate.remote(GenerationRequest(model="tiny", prompt=(40, 999_999)))
    with pytest.raises(Unprocessable):
        await replica.generate.remote(chat("hello", logit_bias={999_999: 1.0}))
    with pytest.raises(Unprocessable):
        await replica.generate.remote(chat("hello", temperature=-1.0))
    await replica.check_health.remote()


async def test_a_caller_that_leaves_frees_its_slot(replica: Any):
    refs = [replica.stream.options(num_returns="streaming").remote(endless()) for _ in range(4)]
    for generator in refs:
        await anext(generator)
    for generator in refs:
        ray.cancel(generator)
    await idle(replica)
    assert (await replica.generate.remote(chat("hello"))).text == GREETING


async def test_a_replica_measures_itself(replica: Any):
    stats = await replica.stats.remote()
    assert stats.slots == 4
    assert stats.load_s > 0
    assert stats.memory_bytes > 500 * 2**20


async def test_a_killed_replica_leaves_no_process_and_comes_back(replica: Any):
    pid = await replica.__ray_call__.remote(lambda _: os.getpid())
    children = psutil.Process(pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert await answers(replica) == GREETING


async def answers(replica: Any) -> str:
    """What the replica says once it is up again."""
    async with asyncio.timeout(280):
        while True:
            try:
                return str((await replica.generate.remote(chat("hello"))).text)
            except RayActorError:
                await asyncio.sleep(0.5)

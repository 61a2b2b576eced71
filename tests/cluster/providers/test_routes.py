from __future__ import annotations

import asyncio

import pytest

from cluster.contracts.models import ModelKind
from cluster.contracts.perception import EmbeddingRequest
from cluster.errors import ModelNotFound
from cluster.fakes.upstream import Upstream
from tests.cluster.providers.conftest import provider
from tests.cluster.providers.questions import ask, turns

LLM = ModelKind.LLM


@pytest.fixture
async def second():
    async with Upstream(models=("echo", "fake-llm", "rare")) as running:
        yield running


async def test_models_of_providers_are_listed_beside_local_ones_under_their_exact_names(upstream, second, making):
    gateway = making({"one": provider(upstream), "two": provider(second, "ollama")}, aliases={"smart": {"models": ["one/echo"]}})
    ids = [status.id for status in await gateway.models()]
    assert ids[:6] == ["fake-llm", "fake-embedder", "fake-clip", "fake-ocr", "fake-whisper", "fake-reranker"]
    assert ids[6:] == ["smart", "one/echo", "two/echo", "two/fake-llm", "two/rare"]


async def test_a_bare_name_goes_to_the_local_model_then_to_providers_in_their_order(upstream, second, making):
    gateway = making({"one": provider(upstream), "two": provider(second)})
    served = [(await gateway.generate(ask(name))).provenance.served_by for name in ("fake-llm", "echo", "rare", "two/echo", "two/fake-llm")]
    assert served == ["fake-llm", "one/echo", "two/rare", "two/echo", "two/fake-llm"]


async def test_a_conflict_of_names_is_told_in_the_status(upstream, second, making):
    gateway = making({"one": provider(upstream), "two": provider(second)})
    reasons = {status.id: status.reason for status in await gateway.models()}
    assert "'echo' works, too" in reasons["one/echo"]
    assert "the bare name 'echo' goes to 'one/echo'" in reasons["two/echo"]
    assert "the bare name 'fake-llm' goes to the local model" in reasons["two/fake-llm"]
    assert (await gateway.resolve("two/echo", LLM)).reason == reasons["two/echo"]


async def test_a_model_whose_own_name_holds_a_slash_is_reached_through_its_provider(making):
    async with Upstream(models=("one/echo", "other/echo")) as router, Upstream() as direct:
        gateway = making({"router": provider(router, "openrouter"), "one": provider(direct)})
        names = ("one/echo", "router/one/echo", "other/echo")
        served = [(await gateway.generate(ask(name))).provenance.served_by for name in names]
    assert served == ["one/echo", "router/one/echo", "router/other/echo"]


async def test_an_unknown_model_names_the_nearest_wherever_it_is(second, making):
    gateway = making({"two": provider(second)})
    with pytest.raises(ModelNotFound, match="no model 'rarr'; did you mean 'rare'"):
        await gateway.resolve("rarr", LLM)
    with pytest.raises(ModelNotFound, match="Provider 'two' has no model 'rarr'; did you mean 'two/rare'"):
        await gateway.resolve("two/rarr", LLM)


async def test_models_are_listed_once_and_again_when_the_list_has_grown_old(upstream, making):
    gateway = making({"one": provider(upstream)}, discovery_s=0.2)
    await asyncio.gather(*(gateway.models() for _ in range(5)))
    assert upstream.listed == 1
    upstream.models = ("echo", "newcomer")
    async for _ in turns():
        if "one/newcomer" in [status.id for status in await gateway.models()]:
            return


async def test_a_provider_that_cannot_be_listed_costs_one_probe_and_is_shown_with_the_reason(making):
    async with Upstream(down=500) as upstream:
        gateway = making({"one": provider(upstream)})
        assert all(not status.id.startswith("one/") for status in await gateway.models())
        await gateway.models()
        assert upstream.listed == 1
        (health,) = await gateway.health()
        assert (health.reachable, health.models) == (False, 0)
        assert "answered 500" in (health.problem or "")
        upstream.down = None
        assert (await gateway.generate(ask("one/echo"))).text  # an exact name is tried all the same
        (health,) = await gateway.health(probe=True)
        assert (health.reachable, health.models, health.problem) == (True, 1, None)


async def test_a_provider_that_does_not_answer_a_probe_is_not_waited_for(upstream, making):
    upstream.listing_s = 60
    gateway = making({"silent": provider(upstream, "ollama", timeouts={"probe_s": 0.1})})
    (health,) = await gateway.health(probe=True)
    assert "did not list its models in 0.1 s" in (health.problem or "")


async def test_a_provider_that_is_not_enabled_is_not_contacted(upstream, making):
    gateway = making({"one": provider(upstream, enabled=False)})
    assert all(status.engine == "fake" for status in await gateway.models())
    assert await gateway.health(probe=True) == []
    assert upstream.listed == 0


async def test_a_key_that_cannot_be_read_is_a_problem_of_that_provider_only(upstream, making):
    gateway = making({"one": provider(upstream, key="env:UNSET"), "two": provider(upstream, models=("echo",))})
    assert "two/echo" in [status.id for status in await gateway.models()]
    problems = {health.provider: health.problem for health in await gateway.health()}
    assert "environment variable UNSET is not set" in (problems["one"] or "")
    assert problems["two"] is None


async def test_other_kinds_of_models_are_the_local_ones(upstream, making):
    gateway = making({"one": provider(upstream)})
    assert (await gateway.resolve("fake-embedder", ModelKind.EMBEDDING)).engine == "fake"
    assert len((await gateway.embed(EmbeddingRequest("fake-embedder", ("hello",)))).vectors) == 1
    with pytest.raises(ModelNotFound):
        await gateway.resolve("one/echo", ModelKind.EMBEDDING)


async def test_an_alias_is_resolved_and_says_what_it_stands_for(upstream, making):
    gateway = making({"one": provider(upstream)}, aliases={"fake-llm": {"models": ["one/echo", "fake-llm"]}})
    status = await gateway.resolve("fake-llm", LLM)
    assert status.reason == "A name for 'one/echo', then 'fake-llm'; it goes before the local model of that name."

from __future__ import annotations

import pytest
import structlog

from cluster.contracts.generation import Image, Message, Sampling
from cluster.errors import BadInput, EngineError, HearthError, ModelNotFound, Unavailable, Unprocessable
from cluster.fakes.gateway import FakeGateway
from tests.cluster.providers.conftest import provider
from tests.cluster.providers.questions import ask, served_by, streamed, talk

SICK = "echo+status=503"
ONCE = {"attempts": 1}


@pytest.fixture(params=["whole", "streamed"])
def answered(request):
    async def answer(gateway, question):
        return await (gateway.generate(question) if request.param == "whole" else streamed(gateway, question))

    return answer


@pytest.fixture
def two(upstream):
    """A provider that is unwell and one that is well."""
    return {"sick": provider(upstream, models=(SICK,), retries=ONCE), "well": provider(upstream, "anthropic", models=("echo",))}


async def test_the_next_model_answers_for_one_that_cannot_and_the_reason_is_kept(two, making, answered):
    gateway = making(two)
    answer = await answered(gateway, ask(f"sick/{SICK}", fallbacks=("well/echo",)))
    assert answer.text == "You said: good morning Riga"
    assert answer.provenance.served_by == "well/echo"
    (step,) = answer.provenance.fallbacks
    assert (step.model, step.code) == (f"sick/{SICK}", "unavailable")
    assert "answered 503" in step.reason
    assert gateway.stats.fallbacks == {(f"sick/{SICK}", "well/echo", "unavailable"): 1}


async def test_a_fallback_is_logged_with_its_reason(two, making):
    gateway = making(two)
    with structlog.testing.capture_logs() as logs:
        await gateway.generate(ask(f"sick/{SICK}", fallbacks=("well/echo",)))
    assert [(entry["failed"], entry["following"], entry["code"]) for entry in logs] == [(f"sick/{SICK}", "well/echo", "unavailable")]


async def test_an_alias_stands_for_its_chain(two, making, answered):
    gateway = making(two, aliases={"smart": {"models": [f"sick/{SICK}", "well/echo"]}})
    assert (await answered(gateway, ask("smart"))).provenance.served_by == "well/echo"


async def test_the_local_model_is_the_last_resort(two, making, answered):
    gateway = making(two, last_resort="fake-llm")
    answer = await answered(gateway, ask(f"sick/{SICK}"))
    assert answer.provenance.served_by == "fake-llm"
    assert [step.model for step in answer.provenance.fallbacks] == [f"sick/{SICK}"]


async def test_no_other_model_stands_in_for_a_local_one_unless_asked_for(two, making, answered):
    inner = FakeGateway(failures={"fake-llm": EngineError("The engine is gone.")})
    gateway = making(two, inner, last_resort="fake-llm")
    with pytest.raises(EngineError, match="The engine is gone"):
        await answered(gateway, ask("fake-llm"))
    assert (await answered(gateway, ask("fake-llm", fallbacks=("well/echo",)))).provenance.served_by == "well/echo"


@pytest.mark.parametrize("trouble", ["status=503", "malformed", "hang", "cut=0", "error_after=0", "status=401", "status=404", "status=429"])
async def test_whatever_is_wrong_with_the_first_before_its_first_token_the_second_answers(trouble, upstream, making):
    first = provider(upstream, models=(f"echo+{trouble}",), retries=ONCE, timeouts={"request_s": 0.3})
    gateway = making({"first": first, "second": provider(upstream, models=("echo",))})
    answer = await streamed(gateway, ask(f"first/echo+{trouble}", fallbacks=("second/echo",)))
    assert served_by(answer) == "second/echo"


async def test_a_key_that_cannot_be_read_is_no_fault_of_the_callers(upstream, making, answered):
    gateway = making({"first": provider(upstream, models=("echo",), key="env:UNSET"), "second": provider(upstream, models=("echo",))})
    answer = await answered(gateway, ask("first/echo", fallbacks=("second/echo",)))
    assert answer.provenance.served_by == "second/echo"
    assert "UNSET is not set" in answer.provenance.fallbacks[0].reason


async def test_after_the_first_token_a_failure_is_an_error(upstream, making):
    gateway = making({"first": provider(upstream, models=("echo+cut=2",)), "second": provider(upstream, models=("echo",))})
    with pytest.raises(EngineError, match="broke off"):
        await streamed(gateway, ask("first/echo+cut=2", fallbacks=("second/echo",)))
    assert [asked.model for asked in upstream.asked] == ["echo+cut=2"]


async def test_a_request_that_is_wrong_is_nobody_elses_to_answer(upstream, making, answered):
    gateway = making({"first": provider(upstream, models=("echo+status=400",)), "second": provider(upstream, models=("echo",))})
    with pytest.raises(BadInput, match="refused the request"):
        await answered(gateway, ask("first/echo+status=400", fallbacks=("second/echo",)))


async def test_a_model_that_cannot_do_what_is_asked_is_passed_over(upstream, making, answered):
    gateway = making({"first": provider(upstream, "anthropic", models=("echo",)), "second": provider(upstream, models=("echo",))})
    answer = await answered(gateway, ask("first/echo", fallbacks=("second/echo",), sampling=Sampling(seed=7)))
    assert answer.provenance.served_by == "second/echo"
    assert "knows no seed" in answer.provenance.fallbacks[0].reason


async def test_a_local_model_that_sees_nothing_is_not_shown_images(making):
    gateway = making({})
    with pytest.raises(Unprocessable, match="'fake-llm' cannot do this: it takes no images"):
        await gateway.generate(talk("fake-llm", Message("user", "what is this", images=(Image("image/png", b"1"),))))


async def test_four_models_may_be_asked_and_then_the_last_resort(upstream, making):
    gateway = making({"far": provider(upstream, models=tuple(f"{SICK}+x={n}" for n in range(4)), retries=ONCE)}, last_resort="fake-llm")
    names = [f"far/{SICK}+x={n}" for n in range(4)]
    answer = await gateway.generate(ask(names[0], fallbacks=tuple(names[1:])))
    assert answer.provenance.served_by == "fake-llm"
    assert [step.model for step in answer.provenance.fallbacks] == names


async def test_five_are_too_many(making):
    with pytest.raises(BadInput, match="At most 4 models can be asked for one answer; this names 5") as caught:
        await making({}).generate(ask("fake-llm", fallbacks=("a", "b", "c", "d")))
    assert caught.value.param == "fallbacks"


async def test_when_nobody_can_answer_the_error_is_the_firsts_and_tells_of_all(two, making, answered):
    gateway = making(two)
    with pytest.raises(Unavailable, match=r"answered 503.* Then 'well/nobody': Provider 'well' has no model 'nobody'"):
        await answered(gateway, ask(f"sick/{SICK}", fallbacks=("well/nobody",)))


async def test_a_misspelt_name_is_not_answered_by_another_model(two, making):
    gateway = making(two, last_resort="fake-llm")
    with pytest.raises(ModelNotFound, match="did you mean 'well/echo'"):
        await gateway.generate(ask("well/ecoh", fallbacks=("fake-llm",)))


async def test_a_failing_stream_of_a_local_model_falls_back_before_its_first_token_only(two, making):
    early = making(two, FakeGateway(failures={"fake-llm": EngineError("gone")}))
    assert served_by(await streamed(early, ask("fake-llm", fallbacks=("well/echo",)))) == "well/echo"
    late = making(two, FakeGateway(failures={"fake-llm": EngineError("gone")}, breaks_after={"fake-llm": 2}))
    with pytest.raises(HearthError, match="gone"):
        await streamed(late, ask("fake-llm", fallbacks=("well/echo",)))


async def test_leaving_a_local_stream_closes_it(making):
    inner = FakeGateway(pace_s=0.01)
    stream = making({}, inner).stream(ask("fake-llm"))
    await anext(stream)
    await stream.aclose()
    assert (inner.opened, inner.closed) == (1, 1)

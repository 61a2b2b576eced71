from __future__ import annotations

import pytest
from tiktoken_ext import openai_public  # type: ignore[import-untyped]

from cluster.contracts.generation import Image, Message
from cluster.fakes.gateway import FakeGateway
from cluster.providers.tokens import VOCABULARIES, TokenCounter, estimated
from tests.cluster.providers.conftest import provider
from tests.cluster.providers.questions import WEATHER, ask, talk


@pytest.fixture
def counter(tmp_path, monkeypatch):
    """With no vocabulary on the machine, and no proxy or cache that would lead to one."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return TokenCounter()


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("日本語", 3), ("日本 ok", 3)])
def test_an_estimate_is_a_token_for_four_ascii_characters_and_one_for_each_other(text, tokens):
    assert estimated(text) == tokens


def test_without_a_vocabulary_nothing_is_fetched_and_the_count_says_that_it_is_an_estimate(counter):
    count = counter.request(ask("openai/gpt-4o", "x" * 40), "gpt-4o")
    assert (count.tokens, count.exact) == (14, False)
    assert "estimated" in count.how


def test_a_vocabulary_that_is_not_whole_is_not_used(counter, tmp_path):
    (tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790").write_text("cut off")
    assert not counter.request(ask("gpt-4o"), "gpt-4o").exact


def test_tools_images_and_calls_count(counter):
    bare = counter.request(ask("m"), "m").tokens
    assert counter.request(ask("m", tools=(WEATHER,)), "m").tokens > bare
    assert counter.request(talk("m", Message("user", "hi", images=(Image("image/png", b"1"),))), "m").tokens > 765


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_vocabularies_are_those_that_tiktoken_knows(name):
    constants = getattr(openai_public, name).__code__.co_consts
    assert set(VOCABULARIES[name]) <= set(constants)


async def test_the_gateway_counts_for_the_model_that_would_be_asked(upstream, making):
    gateway = making({"far": provider(upstream, models=("echo",))}, aliases={"smart": {"models": ["far/echo"]}})
    assert (await gateway.count_tokens(ask("smart", "x" * 40))).tokens == 14


async def test_a_local_model_counts_for_itself(upstream, making):
    local = FakeGateway()
    gateway = making({"far": provider(upstream, models=("echo",))}, local, aliases={"smart": {"models": ["fake-llm", "far/echo"]}})
    counted = await gateway.count_tokens(ask("smart", "three words here"))
    assert (counted.tokens, counted.exact) == (3, True)
    assert (local.asked, len(local.counted)) == ([], 1)

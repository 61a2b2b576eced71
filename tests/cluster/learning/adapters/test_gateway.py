from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.contracts.generation import Caching, Generation, GenerationRequest, Message, Sampling
from cluster.contracts.models import ModelKind
from cluster.errors import ModelNotFound
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.learning.adapters.gateway import AdapterGateway, for_organisation, need_own
from cluster.learning.adapters.manifest import Entry, Manifest, Manifests, Route, write_manifest
from cluster.providers.cache import CacheStats
from cluster.providers.gateway import ProviderGateway
from cluster.providers.keys import EnvironmentSecrets
from cluster.specs.providers import ProvidersSpec

BASE = "fake-llm"


def entry(name: str, organisation: str = "ours") -> Entry:
    return Entry(id=f"id-{name}-{organisation}", organisation=organisation, name=name, version=1, folder="/", named=True, warm=False)


ENTRIES = (entry("a"), entry("b"), entry("a", "theirs"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    route(Home(tmp_path))
    return Home(tmp_path)


def route(home: Home, **fields) -> None:
    write_manifest(home, Manifest(base=BASE, adapters=ENTRIES, routes={"ours": Route(**fields)}))


@pytest.fixture
def inner() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def gateway(home: Home, inner: FakeGateway) -> AdapterGateway:
    return AdapterGateway(inner, Manifests(home))


def asks(model: str = BASE, scope: str = "ours", **fields) -> GenerationRequest:
    return GenerationRequest(model, (Message("user", "hello"),), scope=scope, **fields)


def asked(inner: FakeGateway) -> tuple[str, str | None]:
    request = inner.asked_for(GenerationRequest)[-1]
    return request.model, request.adapter


@pytest.mark.parametrize("request_", [asks(f"{BASE}:a"), asks(adapter="a"), asks(adapter="a@1")])
async def test_a_name_is_asked_by_the_id_that_replicas_know(gateway: AdapterGateway, inner: FakeGateway, request_: GenerationRequest):
    answer = await gateway.generate(request_)
    assert asked(inner) == (BASE, "id-a-ours")
    assert answer.provenance is not None
    assert answer.provenance.served_by == "fake-llm:a@1"


async def test_the_same_name_is_another_adapter_for_another_organisation(gateway: AdapterGateway, inner: FakeGateway):
    await gateway.generate(asks(adapter="a", scope="theirs"))
    assert asked(inner) == (BASE, "id-a-theirs")
    for wrong in (asks(adapter="b", scope="theirs"), asks(adapter="id-b-ours", scope="theirs"), asks(adapter="nothing")):
        with pytest.raises(ModelNotFound):
            await gateway.generate(wrong)


async def test_one_of_the_profile_is_everybodys(gateway: AdapterGateway, inner: FakeGateway):
    answer = await gateway.generate(asks(adapter="pirate", scope="theirs"))
    assert asked(inner) == (BASE, "pirate")
    assert answer.provenance is None


async def test_the_base_means_what_was_promoted_and_can_still_be_asked_itself(home: Home, gateway: AdapterGateway, inner: FakeGateway):
    assert (await gateway.generate(asks())).provenance is None
    route(home, default="id-b-ours")
    batches = [batch async for batch in gateway.stream(asks())]
    assert asked(inner) == (BASE, "id-b-ours")
    told = [delta.provenance.served_by for batch in batches for delta in batch if delta.provenance]
    assert told == ["fake-llm:b@1"]
    await gateway.generate(asks(f"{BASE}:base"))
    assert asked(inner) == (BASE, None)
    await gateway.generate(asks(scope="theirs"))
    assert asked(inner) == (BASE, None)


async def test_a_stream_goes_on_with_what_it_began_with(home: Home, gateway: AdapterGateway, inner: FakeGateway):
    route(home, default="id-a-ours")
    stream = gateway.stream(asks())
    await anext(stream)
    route(home, default="id-b-ours")
    assert [batch async for batch in stream]
    assert asked(inner) == (BASE, "id-a-ours")
    assert len(inner.asked_for(GenerationRequest)) == 1
    await gateway.count_tokens(asks())
    assert inner.counted[-1] == replace(asks(), adapter="id-b-ours")


async def test_a_canary_is_sticky_for_whom_it_is(home: Home, gateway: AdapterGateway, inner: FakeGateway):
    route(home, canary="id-a-ours", percent=50)
    chosen: dict[str, str | None] = {}
    for person in map(str, range(40)):
        for _ in range(3):
            await gateway.generate(asks(subject=person))
            assert chosen.setdefault(person, asked(inner)[1]) == asked(inner)[1]
    assert 8 < sum(adapter is not None for adapter in chosen.values()) < 32


async def test_names_resolve_to_their_base(gateway: AdapterGateway):
    for name in (f"{BASE}:a", f"{BASE}:a@1", f"{BASE}:base", f"{BASE}:pirate", BASE):
        assert (await gateway.resolve(name, ModelKind.LLM)).id == BASE
    with pytest.raises(ModelNotFound):
        await gateway.resolve(f"{BASE}:nothing", ModelKind.LLM)


def test_an_organisation_is_shown_its_own(home: Home):
    (status, *_) = FakeGateway().served
    books = Manifests(home)
    assert for_organisation(status, books, "ours").adapters == ("pirate", "a", "b")
    assert for_organisation(status, books, "theirs").adapters == ("pirate", "a")
    assert for_organisation(status, books, "nobody") == status
    need_own(f"{BASE}:a@1", status, books, "theirs")
    with pytest.raises(ModelNotFound, match="no adapter 'b'"):
        need_own(f"{BASE}:b", status, books, "theirs")


class Kept:
    """A ResponseCache in memory."""

    def __init__(self) -> None:
        self.answers: dict[str, Generation] = {}

    async def get(self, key: str) -> Generation | None:
        return self.answers.get(key)

    async def put(self, key: str, answer: Generation, ttl_s: int) -> None:
        self.answers[key] = answer

    async def stats(self) -> CacheStats:
        return CacheStats(0, 0, len(self.answers))


async def test_a_kept_answer_is_given_again_only_while_the_same_adapter_answers(home: Home, gateway: AdapterGateway):
    outer = ProviderGateway(gateway, ProvidersSpec(), EnvironmentSecrets({}, None), Kept(), gateway.meaning)
    request = asks(sampling=Sampling(temperature=0), caching=Caching(60))

    async def told(subject: str = "x") -> tuple[str, bool]:
        answer = await outer.generate(replace(request, subject=subject))
        assert answer.provenance is not None
        return answer.provenance.served_by, answer.provenance.cached

    assert [await told(), await told("y")] == [(BASE, False), (BASE, True)]
    route(home, default="id-a-ours")
    assert [await told(), await told()] == [("fake-llm:a@1", False), ("fake-llm:a@1", True)]
    route(home)
    assert await told() == (BASE, True)
    await outer.close()

"""From an upload to an answer of llama.cpp and back, with requests under way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.forwarding import ForwardingGateway
from cluster.home import REPOSITORY, Home
from cluster.learning.adapters.manifest import manifest_path
from deployments.llm import Llm
from tests.api.adapters.shelf import URL, data_of, upload, zipped
from tests.api.fixtures.people import Person
from tests.cluster.learning.adapters.folders import BASE
from tests.deployments.fixtures.peft_adapters import save_adapter

WEIGHTS = REPOSITORY / "training/nano/weights/hearth-nano"
# Of adapters with these seeds the answers differ, and every token is ahead of the next likely one by 0.9 nats and more: what is nearly a
# tie falls otherwise when others are computed beside it.
SEEDS, SPREAD = (24, 29), 0.19
QUESTION = {"temperature": 0, "max_tokens": 24, "messages": [{"role": "user", "content": "The ferry leaves at nine. When does it leave?"}]}


# For a promotion or rollback while others ask: 0.5 s on two quiet cores, and much more where everybody computes at once.
TAKES_S = 10.0


class OneReplica(ForwardingGateway):
    """Language models are a replica in this process, reached without Ray."""

    def __init__(self, llm: Llm) -> None:
        super().__init__(FakeGateway(served=(fake_model(BASE, ModelKind.LLM),)))
        self._llm = llm

    async def generate(self, request: GenerationRequest) -> Generation:
        return await self._llm.generate(request)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        async with aclosing(self._llm.stream(request)) as batches:
            async for batch in batches:
                yield batch

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        return await self._llm.count_tokens(request)


@pytest.fixture
def llm(store_settings) -> Iterator[Llm]:
    spec = ReplicaSpec(
        model=BASE,
        kind=ModelKind.LLM,
        engine="llama_cpp",
        path=str(WEIGHTS),
        file="hearth-nano-q8_0.gguf",
        dtype="float32",
        device="cpu",
        budget_bytes=0,
        device_bytes=0,
        context_tokens=512,
        parallel=4,
        adapters_file=str(manifest_path(Home(store_settings.home), BASE)),
    )
    llm = Llm(spec)
    yield llm
    llm.close()


@pytest.fixture
async def client(served, llm: Llm) -> AsyncIterator[httpx.AsyncClient]:
    async with served(OneReplica(llm)) as client:
        yield client


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder: Path = tmp_path_factory.mktemp("peft")
    return [zipped(save_adapter(WEIGHTS, folder / str(seed), seed, spread=SPREAD)) for seed in SEEDS]


async def said(client: httpx.AsyncClient, person: Person, model: str = BASE) -> tuple[str, str]:
    """The answer, and who gave it."""
    answer = await client.post("/v1/chat/completions", json={"model": model, **QUESTION}, headers=person.headers, timeout=60)
    assert answer.status_code == 200, answer.text
    (choice,) = answer.json()["choices"]
    return choice["message"]["content"], (choice.get("provenance") or {"served_by": BASE})["served_by"]


async def promote(client: httpx.AsyncClient, person: Person, adapter: Any) -> float:
    """Seconds it took."""
    began = time.monotonic()
    data_of(await client.post(f"{URL}/{adapter['id']}/promote", json={"force": True}, headers=person.headers))
    return time.monotonic() - began


async def test_adapters_answer_are_promoted_and_rolled_back_under_load(client, admin: Person, archives: list[bytes]):
    base = await said(client, admin)
    one, two = [data_of(await upload(client, archive, headers=admin.headers)) for archive in archives]
    answers = {adapter["model"]: await said(client, admin, adapter["model"]) for adapter in (one, two)}
    expected = {base, *answers.values()}
    assert len({text for text, _ in expected}) == 3
    assert [served_by for _, served_by in answers.values()] == [one["model"], two["model"]]

    going, found = True, list[tuple[str, str]]()

    async def load() -> None:
        while going:
            found.append(await said(client, admin))

    loading = [asyncio.create_task(load()) for _ in range(3)]
    took = [await promote(client, admin, adapter) for adapter in (one, two)]
    assert await said(client, admin) == answers[two["model"]]
    for after in (answers[one["model"]], base):
        began = time.monotonic()
        data_of(await client.post(f"{URL}/rollback", json={"base": BASE}, headers=admin.headers))
        assert await said(client, admin) == after
        took.append(time.monotonic() - began)
    going = False
    await asyncio.gather(*loading)
    assert set(found) <= expected
    assert {base, answers[two["model"]]} <= set(found) | {base}
    assert max(took) < TAKES_S


async def test_an_answer_that_is_being_written_ends_with_the_adapter_it_began_with(client, admin: Person, archives: list[bytes]):
    one, two = [data_of(await upload(client, archive, headers=admin.headers)) for archive in archives]
    await promote(client, admin, one)
    whole, _ = await said(client, admin)
    pieces, promoted = list[str](), False
    asked = {"model": BASE, "stream": True, **QUESTION}
    async with client.stream("POST", "/v1/chat/completions", json=asked, headers=admin.headers, timeout=60) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                pieces += [choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"]]
                if not promoted:
                    await promote(client, admin, two)
                    promoted = True
    assert "".join(pieces) == whole
    assert (await said(client, admin))[0] != whole

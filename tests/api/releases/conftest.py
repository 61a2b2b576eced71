from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cluster.contracts.models import ModelKind
from cluster.fakes.gateway import FakeGateway, fake_model
from tests.cluster.learning.adapters.folders import BASE, write_adapter


@pytest.fixture
def gateway() -> FakeGateway:
    """The bundled model's name on a fake, so that adapters can be checked against its weights."""
    return FakeGateway(served=(fake_model(BASE, ModelKind.LLM), fake_model("fake-embedder", ModelKind.EMBEDDING)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "made")


@pytest.fixture
async def client(in_process, gateway: FakeGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(gateway) as client:
        yield client

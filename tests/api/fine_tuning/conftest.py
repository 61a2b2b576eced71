from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from cluster.fakes.gateway import FakeGateway
from cluster.fakes.jobs import LocalJobs
from cluster.home import Home
from cluster.runtime.launch import launch_file, read_launch
from cluster.settings import Settings, TuningSettings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.batching import World, batch_settings, world
from tests.api.fixtures.batching import runner as runner
from tests.cluster.jobs.house import forget_jobs

MakeWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
async def made(stores: StoreClients, store_settings: Settings, tmp_path: Path, runner: LocalJobs) -> AsyncIterator[MakeWorld]:
    """``async with made(**settings) as world``: an API whose jobs run as processes of this machine, when they are started."""

    def make(**changes: Any) -> AbstractAsyncContextManager[World]:
        tuning = TuningSettings(threads=1, niceness=0, checkpoint_s=0.001).model_copy(update=changes)
        settings = batch_settings(tmp_path, store_settings).model_copy(update={"tuning": tuning})
        told = read_launch(Home(tmp_path)).model_copy(update={"settings": settings})
        launch_file(Home(tmp_path)).write_text(told.model_dump_json())
        return world(settings, stores, FakeGateway(), runner, ray_address=None)

    await forget_jobs(stores)
    yield make
    await forget_jobs(stores)


@pytest.fixture
def gguf_only(tmp_path: Path) -> str:
    """A model of the owner's that is here as GGUF only; its id."""
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    source = {"kind": "path", "path": str(tmp_path / "small.gguf")}
    variants = [{"engine": "llama_cpp", "source": source}]
    entry = {"id": "small", "kind": "llm", "description": "Small.", "license": "MIT", "variants": variants}
    (catalog / "small.yaml").write_text(str(entry).replace("'", '"'))
    return "small"

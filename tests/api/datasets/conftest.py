from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.auth.install import install_authentication
from api.datasets import endpoints as datasets
from api.files import endpoints as files
from api.jobs import endpoints as jobs
from api.jobs.install import install_jobs
from api.web.deps import Parts
from api.web.errors import CrashMiddleware, install_error_handlers
from api.web.exchange import ExchangeMiddleware
from api.web.metrics import Metrics
from cluster.fakes.gateway import FakeGateway
from cluster.fakes.jobs import LocalJobs
from cluster.serving.vectors import ServeVectors
from cluster.settings import DatasetSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import Person
from tests.cluster.jobs.house import quick_settings

AsSomebody = Callable[[Person], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def settings(store_settings: Settings, tmp_path: Path) -> Settings:
    return quick_settings(tmp_path, store_settings).model_copy(update={"datasets": DatasetSettings(per_organisation=3)})


@pytest.fixture
def app(settings: Settings, stores: StoreClients) -> FastAPI:
    """Jobs do not run."""
    app = FastAPI(docs_url=None, openapi_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = Parts(FakeGateway(), settings, Metrics(None), stores, ServeVectors(settings.vectors))
    for router in (datasets.router, files.router, jobs.router):
        app.include_router(router)
    install_jobs(app, runner=LocalJobs())
    install_error_handlers(app, [])
    install_authentication(app, settings, stores)
    app.add_middleware(CrashMiddleware)
    app.add_middleware(ExchangeMiddleware, timeout_s=60)
    return app


@pytest.fixture
def client_of(app: FastAPI) -> AsSomebody:
    @asynccontextmanager
    async def client(person: Person) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=person.headers, timeout=60) as made:
            yield made

    return client


@pytest.fixture
async def client(client_of: AsSomebody, editor: Person) -> AsyncIterator[httpx.AsyncClient]:
    """An editor's."""
    async with client_of(editor) as made:
        yield made

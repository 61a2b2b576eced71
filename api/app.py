"""The application: what it is made of, and how Ray Serve starts it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.adapters.install import install_adapters
from api.agents.install import install_agents
from api.auth.install import install_authentication
from api.batches.install import install_batches
from api.content.install import install_content
from api.documents.install import install_documents
from api.jobs.install import install_jobs
from api.knowledge.install import install_knowledge
from api.learning.install import install_learning
from api.limits.install import install_limits
from api.mcp.install import install_mcp
from api.mcp.shelf import Shelf
from api.mcp_servers.login import install_logins
from api.outgoing.install import install_outgoing
from api.providers.install import install_providers
from api.queue.install import install_queue
from api.releases.install import install_releases
from api.routing import ROUTES, TAGS
from api.streams.running import install_streams
from api.usage.install import install_usage
from api.web.bells import install_bells
from api.web.deps import Parts
from api.web.errors import CrashMiddleware, install_error_handlers
from api.web.exchange import ExchangeMiddleware
from api.web.headers import HeaderLimitMiddleware
from api.web.limits import BodyLimitMiddleware, ConnectionLimitMiddleware
from api.web.metrics import Metrics
from api.web.observe import ObserveMiddleware
from api.web.openapi import install_docs
from api.web.security import SecurityMiddleware
from api.web.tracing import TracingMiddleware
from api.workflows.accounts import install_accounts
from cluster.agents import AgentRuntime, NobodyToWake
from cluster.gateway import ModelGateway
from cluster.serving.args import ApiArgs
from cluster.settings import HttpSettings, Settings
from cluster.specs.prices import PricesSpec, PriceTable
from cluster.specs.providers import ProvidersSpec
from cluster.stores.clients import StoreClients
from cluster.tools.tool import Toolbox
from cluster.traced import TracedGateway
from cluster.vectors import VectorStore

if TYPE_CHECKING:
    from ray.serve import Application

DESCRIPTION = """Language, embedding, vision and audio models of this machine behind one port.

What stands below `/v1` is OpenAI's API: any of its clients works by changing the base URL and the key. Every error has the shape
`{"error": {"message", "type", "param", "code"}}`, every answer the header `X-Request-Id`. A nano model's answers carry the header
`X-Hearth-Notice`: it shows that things work; configure a larger model for useful answers."""


def create_app(
    gateway: ModelGateway,
    settings: Settings,
    stores: StoreClients,
    vectors: VectorStore,
    agents: AgentRuntime | None = None,
    *,
    providers: ProvidersSpec | None = None,
    prices: PricesSpec | None = None,
    environment: Mapping[str, str] | None = None,
    metrics_dir: Path | None = None,
    toolbox: Toolbox | None = None,
    shelves: Sequence[Shelf] = (),
    request_id_echoed: bool = False,
) -> FastAPI:
    """The whole API over ``gateway``, ``stores``, ``vectors`` and ``agents``, which stay the caller's to close. ``agents`` None: nobody is
    told of new runs, and whoever carries them on finds them at their next look.

    ``providers``: whose models are offered beside those of ``gateway``; their keys may stand in ``environment``. ``prices``: what answers
    cost.
    ``toolbox``: what models and MCP clients may have done, in place of our tools and those of the organisation's MCP servers.
    ``shelves``: of resources that MCP clients have beside those of Hearth.
    ``metrics_dir``: where several API processes share their counts (see api/web/metrics.py). ``request_id_echoed``: the server in front
    adds a request's X-Request-Id to the answer by itself.
    """
    app = FastAPI(
        routes=ROUTES,
        title="Hearth",
        version=version("hearth"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_running,
    )
    metrics = Metrics(metrics_dir)
    providers = providers or ProvidersSpec()
    everybody = install_providers(app, gateway, providers, environment or {}, settings, stores)
    traced = settings.tracing.endpoint is not None
    app.state.parts = Parts(TracedGateway(everybody) if traced else everybody, settings, metrics, stores, vectors)
    install_jobs(app)
    install_adapters(app)
    install_learning(app)
    shadows = install_releases(app)
    install_knowledge(app)
    install_batches(app)
    install_documents(app)
    install_outgoing(app)
    install_content(app)
    install_queue(app)
    tools = install_agents(app, agents or NobodyToWake(), toolbox).toolbox
    install_streams(app, install_usage(app, settings, stores, PriceTable(prices or PricesSpec(), providers)).answered, shadows)
    install_accounts(app)
    bells = install_bells(app, stores.cache)
    install_mcp(app, tools, bells, shelves)
    install_logins(app, bells)
    install_docs(app)
    install_error_handlers(app, [path for route in app.routes if isinstance(path := getattr(route, "path_format", None), str)])
    install_limits(app, settings, stores)
    install_authentication(app, settings, stores)
    _install_middleware(app, settings.http, metrics, echoed=request_id_echoed, traced=traced)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """What runs beside requests, for as long as the server does."""
    await app.state.usage.start()
    await app.state.graphs.start()
    await app.state.run_accounts.start()
    await app.state.streams.start()
    await app.state.jobs.start()
    await app.state.adapters.start()
    await app.state.shadows.start()
    await app.state.knowledge.start()
    await app.state.batches.start()
    await app.state.library.start()
    await app.state.outgoing.start()
    await app.state.contents.start()
    await app.state.queue.start()
    await app.state.bells.start()
    await app.state.mcp.start()
    await app.state.tools.start()
    try:
        yield
    finally:
        await app.state.mcp.stop()
        await app.state.logins.stop()
        await app.state.bells.stop()
        await app.state.tools.stop()
        await app.state.queue.stop()
        await app.state.contents.stop()
        await app.state.outgoing.stop()
        await app.state.library.stop()
        await app.state.batches.stop()
        await app.state.knowledge.stop()
        await app.state.shadows.stop()
        await app.state.adapters.stop()
        await app.state.jobs.stop()
        await app.state.streams.stop()
        await app.state.run_accounts.stop()
        await app.state.graphs.stop()
        await app.state.limiter.leases.close()
        await app.state.usage.stop()
        await app.state.providers.close()


def _install_middleware(app: FastAPI, http: HttpSettings, metrics: Metrics, *, echoed: bool, traced: bool) -> None:
    """The last one added is the outermost."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=http.max_body)
    app.add_middleware(ConnectionLimitMiddleware, most=http.max_connections)
    app.add_middleware(CrashMiddleware)
    if http.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=http.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])
    app.add_middleware(SecurityMiddleware, hosts=http.allowed_hosts, origins=http.cors_origins)
    app.add_middleware(ObserveMiddleware, metrics=metrics)
    if traced:
        app.add_middleware(TracingMiddleware)
    app.add_middleware(HeaderLimitMiddleware, most=http.max_headers, max_bytes=http.max_header_bytes)
    app.add_middleware(ExchangeMiddleware, timeout_s=http.request_timeout_s, echoed=echoed)


def build(args: ApiArgs | Mapping[str, Any]) -> Application:
    """What Ray Serve starts: ``import_path: api.app:build`` with ``args`` in the Serve config file, which it hands over as JSON."""
    from api.replica import application  # Ray is loaded where it serves, not where the API is only tried or tested

    return application(ApiArgs.model_validate(args))

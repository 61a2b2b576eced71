"""The application: what it is made of, and how Ray Serve starts it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.chat import endpoints as chat
from api.completions import endpoints as completions
from api.embeddings import endpoints as embeddings
from api.health import endpoints as health
from api.models import endpoints as models
from api.transcriptions import endpoints as transcriptions
from api.vision import endpoints as vision
from api.web.deps import Parts
from api.web.errors import CrashMiddleware, install_error_handlers
from api.web.exchange import ExchangeMiddleware
from api.web.limits import BodyLimitMiddleware, ConnectionLimitMiddleware
from api.web.metrics import Metrics
from api.web.observe import ObserveMiddleware
from api.web.openapi import install_docs
from api.web.security import SecurityMiddleware
from cluster.fakes.gateway import FakeGateway
from cluster.gateway import ModelGateway
from cluster.serving.args import ApiArgs
from cluster.settings import HttpSettings, Settings, load_settings
from cluster.stores.clients import StoreClients, connect

if TYPE_CHECKING:
    from ray.serve import Application

ROUTERS: tuple[APIRouter, ...] = (
    chat.router,
    completions.router,
    embeddings.router,
    transcriptions.router,
    vision.router,
    models.router,
    health.router,
)
TAGS = [
    {"name": "chat", "description": "Conversations, in OpenAI's shape."},
    {"name": "completions", "description": "Raw text continuation, in OpenAI's shape."},
    {"name": "embeddings", "description": "Texts as vectors, in OpenAI's shape."},
    {"name": "audio", "description": "Speech to text."},
    {"name": "vision", "description": "Images as vectors, and the text in images."},
    {"name": "models", "description": "What is served, where, and in which state."},
    {"name": "health", "description": "For whoever watches the service."},
]
DESCRIPTION = """Language, embedding, vision and audio models of this machine behind one port.

What stands below `/v1` is OpenAI's API: any of its clients works by changing the base URL. Every error has the shape
`{"error": {"message", "type", "param", "code"}}`, every answer the header `X-Request-Id`. A nano model's answers carry the header
`X-Hearth-Notice`: it shows that things work; configure a larger model for useful answers."""


def create_app(
    gateway: ModelGateway,
    settings: Settings,
    stores: StoreClients,
    *,
    metrics_dir: Path | None = None,
    request_id_echoed: bool = False,
) -> FastAPI:
    """The whole API over ``gateway`` and ``stores``, which stay the caller's to close.

    ``metrics_dir``: where several API processes share their counts (see api/web/metrics.py). ``request_id_echoed``: the server in front
    adds a request's X-Request-Id to the answer by itself.
    """
    app = FastAPI(
        title="Hearth",
        version=version("hearth"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    metrics = Metrics(metrics_dir)
    app.state.parts = Parts(gateway, settings, metrics, stores)
    for router in ROUTERS:
        app.include_router(router)
    install_docs(app)
    install_error_handlers(app, [path for route in app.routes if isinstance(path := getattr(route, "path", None), str)])
    _install_middleware(app, settings.http, metrics, echoed=request_id_echoed)
    return app


def _install_middleware(app: FastAPI, http: HttpSettings, metrics: Metrics, *, echoed: bool) -> None:
    """The last one added is the outermost."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=http.max_body)
    app.add_middleware(ConnectionLimitMiddleware, most=http.max_connections)
    app.add_middleware(CrashMiddleware)
    if http.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=http.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])
    app.add_middleware(SecurityMiddleware, hosts=http.allowed_hosts, origins=http.cors_origins)
    app.add_middleware(ObserveMiddleware, metrics=metrics)
    app.add_middleware(ExchangeMiddleware, timeout_s=http.request_timeout_s, echoed=echoed)


def build(args: ApiArgs | Mapping[str, Any]) -> Application:
    """What Ray Serve starts: ``import_path: api.app:build`` with ``args`` in the Serve config file, which it hands over as JSON."""
    from api.replica import application  # Ray is loaded where it serves, not where the API is only tried or tested

    return application(ApiArgs.model_validate(args))


def demo() -> FastAPI:
    """The API over a gateway without models: ``uvicorn --factory api.app:demo --port 8003``."""
    settings = load_settings()
    return create_app(FakeGateway(), settings, connect(settings))

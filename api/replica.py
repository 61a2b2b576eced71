"""The API as a Ray Serve deployment."""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from fastapi import FastAPI
from ray import serve
from ray.serve import Application, Deployment

from api.app import create_app
from api.web.metrics import begin_sharing
from cluster.contracts.serving import API_DEPLOYMENT
from cluster.home import Home
from cluster.logs import configure_logging
from cluster.serving.agents import ServeAgents
from cluster.serving.args import ApiArgs
from cluster.serving.gateway import ServeGateway
from cluster.serving.vectors import ServeVectors
from cluster.stores.clients import connect
from cluster.tracing import start_tracing

log = structlog.get_logger(__name__)

# prometheus_client's name; it counts in files of this folder when the variable stands before it is imported.
SHARING = "PROMETHEUS_MULTIPROC_DIR"


# The application is made in the replica (``__serve_build_asgi_app__``), because neither a gateway nor an open log can be sent there.
@serve.ingress()
class Api:
    def __init__(self, args: ApiArgs) -> None:
        configure_logging(args.settings.log)
        self._tracing = start_tracing(args.settings.tracing, "hearth-api")
        self._args = args
        self._gateway = ServeGateway(args.models, args.settings)
        self._stores = connect(args.settings)
        self._vectors = ServeVectors(args.settings.vectors)
        self._agents = ServeAgents()

    def __serve_build_asgi_app__(self) -> FastAPI:
        shared = metrics_dir(self._args)
        if shared is not None and os.environ.get(SHARING) != str(shared):
            log.warning("each replica of the API shows its own counts only", missing=SHARING)
            shared = None
        return create_app(
            self._gateway,
            self._args.settings,
            self._stores,
            self._vectors,
            self._agents,
            providers=self._args.providers,
            prices=self._args.prices,
            environment=os.environ,
            metrics_dir=shared,
            request_id_echoed=True,
        )

    async def __del__(self) -> None:
        await self._agents.close()
        await self._gateway.close()
        await self._vectors.close()
        await self._agents.close()
        await self._stores.close()
        if self._tracing is not None:
            self._tracing.shutdown()


def metrics_dir(args: ApiArgs) -> Path | None:
    """Where several replicas share their counts; one replica alone keeps them in memory."""
    return Home(args.settings.home).run / "metrics" if args.settings.http.replicas > 1 else None


def application(args: ApiArgs) -> Application:
    """One deployment with ``http.replicas`` replicas, each of which takes what the connection limit lets through."""
    http = args.settings.http
    shared = metrics_dir(args)
    environment: dict[str, str] = {}
    if shared is not None:
        begin_sharing(shared)
        environment[SHARING] = str(shared)
    deployment: Deployment = serve.deployment(
        name=API_DEPLOYMENT,
        num_replicas=http.replicas,
        # A little above our own limit, so that it is ours that answers, in the error shape.
        max_ongoing_requests=http.max_connections + 64,
        ray_actor_options={"num_cpus": 0, "runtime_env": {"env_vars": environment}},
        # Our own line per request carries more, and Serve's would be a second one.
        logging_config={"enable_access_log": False},
    )(Api)
    return deployment.bind(args)

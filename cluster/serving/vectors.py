"""The index of knowledge as a Serve application, and the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import tenacity
from pydantic import BaseModel, ConfigDict
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from cluster.contracts.retrieval import EVERYTHING, Filters, Hit, Point, Scrolled, SearchQuery, Space, SpaceState
from cluster.contracts.serving import VECTORS_APP, VECTORS_DEPLOYMENT
from cluster.errors import DeadlineExceeded
from cluster.home import Home
from cluster.serving.errors import ReplicaLostError, translate
from cluster.settings import Settings, VectorSettings

VECTORS_BUILD = "deployments.vectors:build"
# A replica that dies is replaced in a few seconds; calls wait for it that long.
ATTEMPTS = 8
# Requests waiting for the index: each takes milliseconds.
QUEUED = 2048
HEALTH_LOOK_S = 2.0
STOP_S = 20.0


class VectorsArgs(BaseModel):
    """Of ``deployments.vectors:build``. ``folder``: where the indexes are, absolute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    settings: VectorSettings = VectorSettings()


def vectors_app(settings: Settings) -> dict[str, Any]:
    """The application, as it stands in the Serve config file. Always one replica: an index has one owner."""
    args = VectorsArgs(folder=str(Home(settings.home).vectors), settings=settings.vectors)
    return {
        "name": VECTORS_APP,
        "route_prefix": None,
        "import_path": VECTORS_BUILD,
        "args": args.model_dump(mode="json"),
        "deployments": [
            {
                "name": VECTORS_DEPLOYMENT,
                "num_replicas": 1,
                "max_ongoing_requests": QUEUED,
                "max_queued_requests": QUEUED,
                "graceful_shutdown_timeout_s": STOP_S,
                "health_check_period_s": HEALTH_LOOK_S,
                "ray_actor_options": {"num_cpus": 0},
            }
        ],
    }


class ServeVectors:
    """Implements cluster.vectors.VectorStore. Calls are repeated when the owner dies under them, which changes nothing: each can be done
    twice. Belongs to one event loop."""

    def __init__(self, settings: VectorSettings) -> None:
        self._timeout_s = settings.call_timeout_s
        self._base: DeploymentHandle[Any] | None = None

    async def upsert(self, organisation: str, space: Space, points: Sequence[Point]) -> int:
        return int(await self._ask("upsert", organisation, space, tuple(points)))

    async def delete_document(self, organisation: str, document: str, keep_version: int | None = None) -> int:
        return int(await self._ask("delete_document", organisation, document, keep_version))

    async def delete_collection(self, organisation: str, collection: str) -> int:
        return int(await self._ask("delete_collection", organisation, collection))

    async def delete_organisation(self, organisation: str) -> int:
        return int(await self._ask("delete_organisation", organisation))

    async def search(self, organisation: str, space: Space, query: SearchQuery) -> tuple[Hit, ...]:
        return tuple(await self._ask("search", organisation, space, query))

    async def scroll(
        self, organisation: str, space: Space, filters: Filters = EVERYTHING, after: str | None = None, limit: int = 256
    ) -> Scrolled:
        answer = await self._ask("scroll", organisation, space, filters, after, limit)
        assert isinstance(answer, Scrolled), f"scroll answered {type(answer).__name__}"
        return answer

    async def count(self, organisation: str, space: Space, filters: Filters = EVERYTHING) -> int:
        return int(await self._ask("count", organisation, space, filters))

    async def spaces(self) -> tuple[SpaceState, ...]:
        return tuple(await self._ask("spaces"))

    async def close(self) -> None:
        """Ends the handle's background work. No call may be running."""
        if self._base is not None:
            await self._base.shutdown_async()  # type: ignore[no-untyped-call]
            self._base = None

    async def _ask(self, method: str, *given: object) -> Any:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(ReplicaLostError),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3.0),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await retrying(self._once, method, *given)
        except TimeoutError:
            raise DeadlineExceeded(f"The index did not answer within {self._timeout_s:.0f} s (setting vectors.call_timeout_s).") from None

    async def _once(self, method: str, *given: object) -> Any:
        response = self._handle().options(method_name=method).remote(*given)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()  # type: ignore[no-untyped-call]
            raise
        except Exception as error:
            raise translate(error, VECTORS_DEPLOYMENT) from error

    def _handle(self) -> DeploymentHandle[Any]:
        if self._base is None:
            base: DeploymentHandle[Any] = DeploymentHandle(VECTORS_DEPLOYMENT, VECTORS_APP)
            try:
                base._init(_run_router_in_separate_loop=False)  # type: ignore[no-untyped-call]
            except RayServeException as error:
                raise translate(error, VECTORS_DEPLOYMENT) from error
            self._base = base
        return self._base

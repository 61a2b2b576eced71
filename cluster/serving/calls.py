"""Calling a model's replicas through Serve: wait for residency, run within a deadline, repeat what a dying replica interrupted.

Two ways to a replica. A model that is resident is called straight away, which costs one message. For one that is not, ``choose_replica``
waits until a replica has a slot, so that waiting for the card and working are told apart; waiting there is also what Serve counts as the
model's queue, and so what makes the residency policy load it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import tenacity
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle, DeploymentResponse, DeploymentResponseGenerator

from cluster.contracts.residency import ModelUse
from cluster.contracts.serving import MODELS_APP
from cluster.errors import DeadlineExceeded, EngineError, Unavailable
from cluster.serving.errors import ReplicaLostError, translate
from cluster.serving.overview import Overview
from cluster.settings import Settings

ATTEMPTS = 5
# How often a waiting request looks whether its model failed to start, in seconds.
GLANCE_S = 1.0


class Calls:
    """Calls to models by id. Belongs to one event loop; handles are made on first use and kept."""

    def __init__(self, settings: Settings, overview: Overview) -> None:
        self._settings = settings
        self._overview = overview
        self._bases: dict[str, DeploymentHandle[Any]] = {}
        self._handles: dict[tuple[str, str], DeploymentHandle[Any]] = {}

    async def once(self, model: str, method: str, request: object) -> Any:
        """The answer of one call. A replica that dies under it is replaced by the next, within ``http.request_timeout_s``."""
        handle = self._handle(model, method, stream=False)
        try:
            async with asyncio.timeout(self._settings.http.request_timeout_s):
                return await _retrying()(self._answer, handle, model, request)
        except TimeoutError:
            raise self._too_late(model) from None

    async def stream(self, model: str, method: str, request: object) -> AsyncGenerator[Any, None]:
        """The items of a streaming call. Before the first one a dead replica is replaced; after it the stream
        ends with ReplicaLostError."""
        handle = self._handle(model, method, stream=True)
        for attempt in range(ATTEMPTS):
            begun = False
            try:
                async with aclosing(self._items(handle, model, request)) as items:
                    async for item in items:
                        begun = True
                        yield item
            except ReplicaLostError:
                if begun or attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    async def announce(self, model: str) -> None:
        """Waits for its turn as a request does, and then asks nothing: the model is loaded before the first one that does. Returns at once
        where it is resident. Raises Unavailable and EngineError as a request would."""
        use = await self._overview.use(model)
        if use is None or use.resident:
            return
        async with self._seat(self._handle(model, "stats", stream=False), model):
            pass

    async def close(self) -> None:
        """Ends the handles' background work. No call may be running."""
        for base in self._bases.values():
            await base.shutdown_async()  # type: ignore[no-untyped-call]
        self._bases, self._handles = {}, {}

    def _handle(self, model: str, method: str, stream: bool) -> DeploymentHandle[Any]:
        key = (model, method)
        if model not in self._bases:
            base: DeploymentHandle[Any] = DeploymentHandle(model, MODELS_APP)
            # In this loop: cancelling a request that waits for its model then takes it out of the queue at once.
            try:
                base._init(_run_router_in_separate_loop=False)  # type: ignore[no-untyped-call]
            except RayServeException as error:
                raise translate(error, model) from error
            self._bases[model] = base
        if key not in self._handles:
            # Over gRPC: measured 1 ms to the first item of a stream instead of 19, and a third of the processor time per item.
            self._handles[key] = self._bases[model].options(method_name=method, stream=stream, _by_reference=False)
        return self._handles[key]

    async def _answer(self, handle: DeploymentHandle[Any], model: str, request: object) -> Any:
        async with self._sent(handle, model, request) as response:
            try:
                return await response
            except Exception as error:
                raise translate(error, model) from error

    async def _items(self, handle: DeploymentHandle[Any], model: str, request: object) -> AsyncGenerator[Any, None]:
        idle_s = self._settings.http.stream_idle_timeout_s
        async with self._sent(handle, model, request) as response:
            while True:
                try:
                    async with asyncio.timeout(idle_s):
                        item = await anext(response)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise DeadlineExceeded(f"Model '{model}' sent nothing for {idle_s:.0f} s; the stream was ended.") from None
                except Exception as error:
                    raise translate(error, model) from error
                yield item

    @asynccontextmanager
    async def _sent(self, handle: DeploymentHandle[Any], model: str, request: object) -> AsyncIterator[Any]:
        """The response to ``request``, cancelled on leaving if it is not finished."""
        use = await self._overview.use(model)
        if use is not None and use.resident:
            with _cancelling(handle.remote(request)) as response:
                yield response
            return
        async with self._seat(handle, model) as selection:
            with _cancelling(handle.dispatch(selection, request)) as response:
                yield response

    @asynccontextmanager
    async def _seat(self, handle: DeploymentHandle[Any], model: str) -> AsyncIterator[Any]:
        """A slot on a replica of ``model``, waited for as long as ``residency.max_wait_s``."""
        choosing = handle.choose_replica()
        entering = asyncio.ensure_future(choosing.__aenter__())
        try:
            await self._wait_for_slot(entering, model)
            selection = entering.result()
        except Exception as error:
            raise translate(error, model) from error
        finally:
            entering.cancel()
        try:
            yield selection
        finally:
            await choosing.__aexit__(None, None, None)

    async def _wait_for_slot(self, entering: asyncio.Future[Any], model: str) -> None:
        waited = 0.0
        while True:
            await asyncio.wait({entering}, timeout=GLANCE_S)
            if entering.done():
                return
            waited += GLANCE_S
            use = await self._overview.use(model)
            if use is not None and use.failure is not None:
                raise EngineError(f"Model '{model}' could not be started: {use.failure}")
            if waited >= self._settings.residency.max_wait_s:
                raise self._not_resident(model, use)

    def _not_resident(self, model: str, use: ModelUse | None) -> Unavailable:
        forecast = use.wait_forecast_s if use is not None else None
        seconds = math.ceil(forecast) if forecast is not None else math.ceil(self._settings.residency.max_wait_s)
        when = f"it should be ready in about {seconds} s" if forecast is not None else "nobody can say when there will be room"
        waited = self._settings.residency.max_wait_s
        return Unavailable(f"Model '{model}' did not get its turn within {waited:.0f} s; {when}. Please retry in {max(1, seconds)} s.")

    def _too_late(self, model: str) -> DeadlineExceeded:
        return DeadlineExceeded(f"Model '{model}' did not finish within {self._settings.http.request_timeout_s:.0f} s; ask for less.")


class _cancelling:  # noqa: N801 - a context manager, used like a function
    """Stops the work of ``response`` unless it came to its end."""

    def __init__(self, response: DeploymentResponse[Any] | DeploymentResponseGenerator[Any]) -> None:
        self._response = response

    def __enter__(self) -> DeploymentResponse[Any] | DeploymentResponseGenerator[Any]:
        return self._response

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._response.cancel()  # type: ignore[no-untyped-call]


def _retrying() -> tenacity.AsyncRetrying:
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(ReplicaLostError),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2.0),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        reraise=True,
    )

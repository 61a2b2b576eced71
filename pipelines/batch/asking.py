"""Requests of a batch, sent to the API of this machine, so that their answers are those of anybody who asks online.

The official client is not used: it would parse the answers and make them its own, and a batch gives them on as they are.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx
import tenacity

from cluster.batches.answers import Answer
from cluster.batches.lines import Request
from cluster.batches.names import request_name
from cluster.batches.tokens import VALID_S, BatchTokens
from cluster.errors import Unauthorized, Unavailable
from cluster.home import Home
from cluster.runtime.state import read_state
from cluster.settings import Settings
from pipelines.batch.pace import ModelLoad

# Busy, loading, or starting again.
AGAIN = frozenset({429, 502, 503})
# The month's budget or the day's tokens do not come back within a batch's patience.
SPENT = "insufficient_quota"
CONNECT_S = 10.0
LONGEST_WAIT_S = 30.0


class Asking:
    """Belongs to one event loop. Where the API is stands in the run file, which is read anew each time: a cluster that was restarted has
    another address."""

    def __init__(self, batch_id: uuid.UUID, settings: Settings) -> None:
        self._batch_id = batch_id
        self._settings = settings
        self._home = Home(settings.home)
        self._tokens = BatchTokens.of(self._home)
        self._token, self._signed = "", float("-inf")
        # Longer than the API itself allows, so that it is the API that gives up. A proxy for the internet does not lead there.
        timeout = httpx.Timeout(settings.http.request_timeout_s + CONNECT_S, connect=CONNECT_S)
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)

    async def answer(self, request: Request, endpoint: str, body: dict[str, Any]) -> Answer:
        """What the API answers, success or not. Raises Unauthorized when nothing may be asked in the batch's name any more, Unavailable
        when nobody answers."""
        name = request_name(self._batch_id, request.line)
        response = await self._ask("POST", endpoint, body)
        told = {
            "id": name,
            "custom_id": request.custom_id,
            "response": {
                "status_code": response.status_code,
                "request_id": response.headers.get("x-request-id", ""),
                "body": _body(response),
            },
            "error": None,
        }
        return Answer(request.line, not response.is_success, json.dumps(told))

    async def models(self) -> set[str]:
        """Those that may be asked."""
        response = await self._ask("GET", "/v1/models")
        if not response.is_success:
            raise Unavailable(f"The API does not say which models there are (status {response.status_code}); try the job again.")
        return {entry["id"] for entry in response.json()["data"]}

    async def load(self) -> list[ModelLoad]:
        """How busy the models are; empty when nobody can say. It is not asked twice: nothing depends on it but who goes first."""
        try:
            response = await self._send("GET", "/v1/batches/load", None)
        except (httpx.TransportError, Unavailable):
            return []
        if not response.is_success:
            return []
        return [ModelLoad(use["model"], use["device"], use["ongoing"], use["queued"]) for use in response.json()["data"]]

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """The answer, asked for again while it is one of AGAIN or there is none, for ``batches.patience_s`` seconds."""
        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(_passes) | tenacity.retry_if_exception_type((httpx.TransportError, Unavailable)),
            wait=_wait,
            stop=tenacity.stop_before_delay(self._settings.batches.patience_s),
            retry_error_callback=_last,
        )

        async def once() -> httpx.Response:
            return await self._send(method, path, body)

        response: httpx.Response = await again(once)
        if response.status_code in {401, 403}:
            raise Unauthorized(f"The batch may ask no longer: {_message(response)}")
        return response

    async def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        state = read_state(self._home)
        if state is None:
            raise Unavailable("The API is not running; `hearth status` shows how far it is (retry in 5 s).")
        headers = {"Authorization": f"Bearer {self._bearer()}"}
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        return await self._client.request(method, f"{state.base_url}{path}", content=content, headers=headers)

    def _bearer(self) -> str:
        """Kept for half its life, so that the API looks it up seldom."""
        if time.monotonic() - self._signed > VALID_S / 2:
            self._token, self._signed = self._tokens.issue(self._batch_id), time.monotonic()
        return self._token


def _passes(response: httpx.Response) -> bool:
    return response.status_code in AGAIN and f'"{SPENT}"' not in response.text


def _wait(state: tenacity.RetryCallState) -> float:
    """What Retry-After says, else longer each time."""
    outcome = state.outcome
    told = outcome.result().headers.get("retry-after", "") if outcome is not None and not outcome.failed else ""
    longer = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)(state)
    return max(float(told), longer / LONGEST_WAIT_S) if told.isdecimal() else longer


def _last(state: tenacity.RetryCallState) -> httpx.Response:
    """The last answer that came, however it is. Raises Unavailable where none did."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if error is not None:
        raise Unavailable(f"The API did not answer ({type(error).__name__}), for as long as batches.patience_s says; try the job again.")
    response: httpx.Response = state.outcome.result()
    return response


def _body(response: httpx.Response) -> dict[str, Any]:
    """As it was sent; what stands in front of the API may answer in other words than JSON."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    error = {"message": f"The answer was not one of the API's: {response.text[:200]}", "type": "server_error", "param": None}
    return {"error": error | {"code": "bad_gateway"}}


def _message(response: httpx.Response) -> str:
    return str(_body(response)["error"].get("message", response.status_code))

"""Ray Serve's REST API on the dashboard port: deploy a config, see how far it is.

Source: Ray Serve docs, "Serve REST API" (PUT and GET /api/serve/applications/).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import tenacity

from cluster.errors import EngineError, Unavailable
from cluster.home import Home
from cluster.runtime.environment import auth_token

APPLICATIONS = "/api/serve/applications/"


class ServeApi:
    """Calls wait at most a few seconds each; connection failures are retried until the deadline given."""

    def __init__(self, dashboard_url: str, home: Home) -> None:
        token = auth_token(home).read_text().strip()
        self._client = httpx.Client(base_url=dashboard_url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0)

    def deploy(self, config: dict[str, Any], deadline: float) -> None:
        """Makes Serve's target state ``config``; returns once Serve accepted it. ``deadline`` is a time.monotonic() value."""
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((httpx.TransportError, Unavailable)),
            wait=tenacity.wait_exponential(multiplier=0.2, max=2.0),
            stop=tenacity.stop_after_delay(max(1.0, deadline - time.monotonic())),
            reraise=True,
        )
        retry(self._put, config)

    def applications(self) -> dict[str, Any]:
        """Serve's own description of every application, by name; empty while Serve does not answer."""
        try:
            response = self._client.get(APPLICATIONS)
        except httpx.TransportError:
            return {}
        return dict(response.json().get("applications", {})) if response.is_success else {}

    def progress(self) -> str | None:
        """What is still being waited for, in words; None when every application runs. Raises EngineError when one failed for good."""
        applications = self.applications()
        if not applications:
            return "starting Serve"
        waiting = [text for name, app in applications.items() for text in _waiting(name, app)]
        return ", ".join(waiting) or None

    def _put(self, config: dict[str, Any]) -> None:
        response = self._client.put(APPLICATIONS, json=config)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"Serve does not accept its configuration yet: {response.text[:500]} (retry in 1 s)")
        if not response.is_success:
            raise EngineError(f"Serve refused its configuration: {response.text[:2000]}")


def _waiting(name: str, app: dict[str, Any]) -> Iterator[str]:
    status = app.get("status")
    if status == "DEPLOY_FAILED":
        raise EngineError(f"Application '{name}' did not start: {str(app.get('message'))[-2000:]}")
    if status == "RUNNING":
        return
    pending = [deployment for deployment, detail in app.get("deployments", {}).items() if detail.get("status") != "HEALTHY"]
    yield f"loading {', '.join(pending)}" if pending else f"building {name}"

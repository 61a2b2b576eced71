"""Ray with Serve and two logical GPUs, for tests of residency and the gateway."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

with warnings.catch_warnings():  # Ray Serve's own use of pydantic, at import
    warnings.simplefilter("ignore")
    from ray import serve
    from ray.serve.context import _get_global_client

from cluster.serving.config import as_schema

Deploy = Callable[..., None]
PATIENCE_S = 200


@pytest.fixture(scope="session")
def serve_runtime(ray_runtime: None) -> Deploy:
    """Makes the applications it is called with, as Serve config files have them, the only ones, and waits until they run. No proxy."""
    serve.start(proxy_location="Disabled")
    return _deploy


def _deploy(*applications: dict[str, Any]) -> None:
    """Serve's own waiting ends after 60 s, which a busy machine needs; and an application must be gone before another takes its name."""
    client: Any = _get_global_client()
    client.deploy_apps(as_schema({"applications": list(applications)}), _blocking=False)
    wanted = {str(application["name"]): "RUNNING" for application in applications}
    deadline = time.monotonic() + PATIENCE_S
    while (states := {name: str(app.status.value) for name, app in serve.status().applications.items()}) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted}, found {states}: {serve.status()}"
        time.sleep(0.1)

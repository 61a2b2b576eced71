"""Ray with Serve and two logical GPUs, for tests of residency and the gateway."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ray

with warnings.catch_warnings():  # Ray Serve's own use of pydantic, at import
    warnings.simplefilter("ignore")
    from ray import serve
    from ray.serve.context import _get_global_client

from cluster.serving.config import as_schema

ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # Else every application takes 30 s to go.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
}
Deploy = Callable[..., None]
PATIENCE_S = 200


@pytest.fixture(scope="session")
def serve_runtime(request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Makes the applications it is called with, as Serve config files have them, the only ones, and waits until they run. No proxy."""
    try:
        request.getfixturevalue("ray_runtime")
    except pytest.FixtureLookupError:
        stop = _private_ray()
    else:
        stop = _keep
    serve.start(proxy_location="Disabled")
    yield _deploy
    stop()


def _deploy(*applications: dict[str, Any]) -> None:
    """Serve's own waiting ends after 60 s, which a busy machine needs; and an application must be gone before another takes its name."""
    client: Any = _get_global_client()
    client.deploy_apps(as_schema({"applications": list(applications)}), _blocking=False)
    wanted = {str(application["name"]): "RUNNING" for application in applications}
    deadline = time.monotonic() + PATIENCE_S
    while (states := {name: str(app.status.value) for name, app in serve.status().applications.items()}) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted}, found {states}: {serve.status()}"
        time.sleep(0.1)


def _keep() -> None:
    """Ray is not ours to stop."""


def _private_ray() -> Callable[[], None]:
    folder = tempfile.mkdtemp(prefix="hearth-test-")
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=2,
        include_dashboard=False,
        _temp_dir=folder,
        _node_ip_address="127.0.0.1",
        object_store_memory=128 * 2**20,
        log_to_driver=False,
        configure_logging=False,
    )

    def stop() -> None:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)

    return stop

"""A private Ray with Serve and two logical GPUs, for tests of residency and the gateway."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

with warnings.catch_warnings():  # Ray Serve's own use of pydantic, at import
    warnings.simplefilter("ignore")
    from ray import serve
    from ray.serve.config import ProxyLocation

ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
}


@pytest.fixture(scope="session")
def serve_runtime() -> Iterator[Path]:
    """Ray and Serve without a proxy; the value is a folder for state."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-test-"))
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=2,
        include_dashboard=False,
        _temp_dir=str(folder),
        _node_ip_address="127.0.0.1",
        object_store_memory=128 * 2**20,
        log_to_driver=False,
        configure_logging=False,
    )
    serve.start(proxy_location=ProxyLocation.Disabled)
    yield folder / "state"
    serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()
    os.environ.clear()
    os.environ.update(before)
    shutil.rmtree(folder, ignore_errors=True)

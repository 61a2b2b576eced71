"""Where a Traefik in front finds this cluster: one file in the folder that its file provider watches, there for as long as we serve.

Source of the format: Traefik v3 docs, "Routing configuration, file". Traefik asks ``/healthz`` by itself, so a cluster that was killed is
not sent to either, though its file stays until it is started and stopped again.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster.errors import ConfigError
from cluster.runtime.state import write_atomically
from cluster.settings import HttpSettings


def route(http: HttpSettings) -> dict[str, object]:
    """Traefik's dynamic configuration: every path of ``http.allowed_hosts`` goes to this cluster's port, as it stands."""
    name = f"hearth-{http.port}"
    hosts = _reached(http.allowed_hosts)
    balancer = {
        "servers": [{"url": f"http://{http.host}:{http.port}"}],
        "healthCheck": {"path": "/healthz", "hostname": hosts[0] if hosts else http.host, "interval": "5s", "timeout": "3s"},
    }
    return {
        "http": {
            "routers": {name: {"rule": _rule(hosts), "service": name}},
            "services": {name: {"loadBalancer": balancer}},
        }
    }


def announce(http: HttpSettings) -> None:
    """Puts the file into ``http.traefik_dir``, where there is one. Raises ConfigError when that cannot be written to."""
    if http.traefik_dir is not None:
        try:
            write_atomically(_file(http, http.traefik_dir), yaml.safe_dump(route(http), sort_keys=False), mode=0o644)
        except OSError as error:
            raise ConfigError(f"http.traefik_dir: {http.traefik_dir} cannot be written to ({error.strerror}).") from None


def withdraw(http: HttpSettings) -> None:
    if http.traefik_dir is not None:
        _file(http, http.traefik_dir).unlink(missing_ok=True)


def _file(http: HttpSettings, folder: Path) -> Path:
    return folder.expanduser() / f"hearth-{http.port}.yaml"


def _reached(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The names and IPv4 addresses, which are what Traefik matches; none means all. To an IPv6 address one goes by the port itself."""
    return () if "*" in hosts else tuple(host for host in hosts if not host.startswith("["))


def _rule(hosts: tuple[str, ...]) -> str:
    return " || ".join(f"Host(`{host}`)" for host in hosts) or "PathPrefix(`/`)"

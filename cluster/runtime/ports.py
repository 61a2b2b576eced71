"""TCP ports of this machine: which are free, and who holds one that is not."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

import psutil


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether ``host:port`` can be bound now (a port in TIME_WAIT counts as free, as it does for servers)."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """``count`` different ports that are free now. Another program may take one before it is used; whoever uses it must handle that."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in sockets:
            probe.bind((host, 0))
        return [int(probe.getsockname()[1]) for probe in sockets]


def first_free(port: int, host: str = "127.0.0.1", tries: int = 50) -> int:
    """``port``, or the next free one above it; any free one when ``tries`` in a row are taken."""
    for candidate in range(port, min(port + tries, 65536)):
        if is_free(candidate, host):
            return candidate
    return free_ports(1, host)[0]


def holder(port: int) -> str | None:
    """Who listens on ``port``: "name (pid 123: command line)", or None when nobody is seen.

    Another user's process shows without its name.
    """
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())[:80]
        return f"{process.name()} (pid {pid}: {command})"
    except psutil.Error:
        return f"pid {pid}"

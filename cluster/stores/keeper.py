"""Starts the servers that Hearth runs itself, watches them, and starts them again when they die."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.postgres import EmbeddedPostgres
from cluster.stores.redis import EmbeddedRedis
from cluster.stores.server import POLL_S, Server

log = structlog.get_logger(__name__)

START_S = 60.0
WATCH_S = 0.2
# After a crash the next start comes at once; each further one that follows soon waits twice as long.
FIRST_WAIT_S, LONGEST_WAIT_S, CALM_S = 0.2, 10.0, 60.0


class Stores:
    """Those of PostgreSQL and Redis that ``settings`` leave to Hearth. ``start`` and ``stop`` belong to one thread."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self.postgres = EmbeddedPostgres(home) if settings.storage.database_url_file is None else None
        self.redis = EmbeddedRedis(home) if settings.storage.redis_url_file is None else None
        self._stopping = threading.Event()
        self._watchers: list[threading.Thread] = []

    @property
    def servers(self) -> Sequence[Server]:
        return [server for server in (self.postgres, self.redis) if server is not None]

    def start(self, report: Callable[[str], None] = lambda _step: None) -> None:
        """Everything up and answering. Raises Unavailable with the server's last words, ConfigError when its wheel is missing."""
        for server in self.servers:
            report(f"starting {server.name}")
            server.prepare()
            server.start()
        for server in self.servers:
            self._await(server)
        if self.postgres is not None:
            self.postgres.make_database()
        self._watchers = [
            threading.Thread(target=self._watch, args=(server,), daemon=True, name=f"watch-{server.name}") for server in self.servers
        ]
        for watcher in self._watchers:
            watcher.start()

    def stop(self) -> None:
        """Ends them in order; what was accepted is on disk."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.join()
        for server in self.servers:
            server.stop()

    def _await(self, server: Server) -> None:
        deadline = time.monotonic() + START_S
        while not server.answers():
            if server.has_ended() or time.monotonic() > deadline:
                self.stop()
                raise server.fail()
            time.sleep(POLL_S)

    def _watch(self, server: Server) -> None:
        """Starts ``server`` again whenever it has ended, until told to stop."""
        wait_s, started = FIRST_WAIT_S, time.monotonic()
        while not self._stopping.wait(WATCH_S):
            if not server.has_ended():
                continue
            wait_s = FIRST_WAIT_S if time.monotonic() - started > CALM_S else min(2 * wait_s, LONGEST_WAIT_S)
            log.error("a store ended and is started again", store=server.name, wait_s=wait_s)
            if self._stopping.wait(wait_s):
                return
            started = time.monotonic()
            server.start()

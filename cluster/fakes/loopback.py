"""What the fakes that speak HTTP share: a server on loopback for as long as a context lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web


@dataclass(kw_only=True)
class LoopbackServer:
    """Used as an async context manager. ``hosts``: the addresses it listens on, with the same port; ``port``: 0 has one chosen, and is it
    inside."""

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 0
    _runner: web.AppRunner | None = field(default=None, init=False, repr=False)

    def application(self) -> web.Application:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        # Bodies are shown as they came, packed ones too.
        runner = web.AppRunner(self.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        for host in self.hosts:
            await web.TCPSite(runner, host, self.port).start()
            self.port = int(runner.addresses[0][1])
        self._runner = runner
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{self.hosts[0]}:{self.port}"

"""`hearth mcp`: the running cluster's tools for a program on this machine, which starts this and talks to it over stdin and stdout."""

from __future__ import annotations

import asyncio
import sys
from threading import Thread

import httpx

from cluster.cli.bridge import TIMEOUT, Bridge
from cluster.cli.client import Api, KeyFileOption
from cluster.cli.options import HomeOption, home_of


def mcp(home: HomeOption = None, key_file: KeyFileOption = None) -> None:
    """Serve MCP over stdin and stdout, until stdin closes."""
    base, headers = Api(home_of(home), key_file).door
    asyncio.run(_bridge(base, headers))


async def _bridge(base: str, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=TIMEOUT) as client:
        await Bridge(client, _write).run(_lines())


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _lines() -> asyncio.Queue[bytes | None]:
    """The lines of stdin, and None at its end. A thread reads them, which does not hold the process up when that ends by itself."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    Thread(target=read, daemon=True).start()
    return lines

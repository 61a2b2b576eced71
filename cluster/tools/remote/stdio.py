"""An MCP server as a program of its own, spoken to over its standard input and output.

It gets nothing of our environment, an empty folder as its home, and it ends with this process. When it is no longer needed, it and all
that it started in its group are ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from cluster.errors import RemoteFailed, TooLarge
from cluster.home import REPOSITORY
from cluster.outgoing.urls import without
from cluster.tools.remote.servers import Reach

PATH = "/usr/local/bin:/usr/bin:/bin"
GRACE_S = 2.0
# Lines that are no messages, after which a program is no MCP server.
MOST_NOISE = 100
SAID_CHARS = 2000

Sending = MemoryObjectSendStream[SessionMessage | Exception]


@asynccontextmanager
async def stdio_transport(reach: Reach, most_bytes: int) -> AsyncIterator[TransportStreams]:
    """Raises HearthError, in a group, when the program says what it may not."""
    assert reach.command is not None
    with tempfile.TemporaryDirectory(prefix="hearth-mcp-") as folder:
        process = await _started(reach, folder, most_bytes)
        said = _Said(reach.secrets)
        arriving, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
        try:
            async with arriving, incoming, outgoing, leaving, anyio.create_task_group() as tasks:
                tasks.start_soon(said.follow, process)
                tasks.start_soon(_read, process, arriving, most_bytes, said)
                tasks.start_soon(_write, process, leaving)
                yield incoming, outgoing
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


class _Said:
    """The end of what a program writes to its standard error, without secrets."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._text = ""

    async def follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while piece := await process.stderr.read(4096):
            self._text = (self._text + piece.decode(errors="replace"))[-SAID_CHARS:]

    @property
    def last(self) -> str:
        lines = [line for line in without(self._text, self._secrets).splitlines() if line.strip()]
        return f" (it says: {lines[-1].strip()[:300]})" if lines else ""


async def _started(reach: Reach, folder: str, most_bytes: int) -> asyncio.subprocess.Process:
    assert reach.command is not None
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder, **reach.environment}
    tied = [sys.executable, "-I", str(REPOSITORY / "cluster/stores/tied.py"), str(int(signal.SIGKILL)), "-1", "-1"]
    return await asyncio.create_subprocess_exec(
        *tied,
        reach.command,
        *reach.arguments,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=most_bytes,
    )


async def _read(process: asyncio.subprocess.Process, arriving: Sending, most_bytes: int, said: _Said) -> None:
    """Messages. Raises RemoteFailed when the program closes its output."""
    assert process.stdout is not None
    noise = 0
    async with arriving:
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                _signal(process.pid, signal.SIGKILL)
                raise TooLarge(f"The server's message is larger than {most_bytes} bytes (setting tools.message_bytes).") from None
            if not line:
                raise RemoteFailed(f"The program ended{await _status(process)}{said.last}.")
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValidationError:
                noise += 1
                if noise > MOST_NOISE:
                    _signal(process.pid, signal.SIGKILL)
                    raise RemoteFailed(f"The program writes what are no messages of MCP to its standard output{said.last}.") from None
                continue
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody listens any more
                await arriving.send(SessionMessage(message))


async def _status(process: asyncio.subprocess.Process) -> str:
    with anyio.move_on_after(GRACE_S):
        return f" with the exit code {await process.wait()}"
    return ""


async def _write(process: asyncio.subprocess.Process, leaving: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    async with leaving:
        async for message in leaving:
            told = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            with suppress(ConnectionError):  # it has ended; reading says so
                process.stdin.write(told.encode() + b"\n")
                await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its input is closed, then it is asked to end, then it is ended; and whatever it left in its group."""
    assert process.stdin is not None
    process.stdin.close()
    for number in (None, signal.SIGTERM):
        if number is not None:
            _signal(process.pid, number)
        with anyio.move_on_after(GRACE_S):
            await process.wait()
            break
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

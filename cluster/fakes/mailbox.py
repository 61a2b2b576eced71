"""A mail server on loopback that speaks enough of IMAP for a mailbox to be read."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class MailServer:
    """Used as an async context manager. ``mails``: by number. ``password``: that is wanted. ``claims``: a size that each mail is said to
    have, whatever it has. ``said``: every command, without passwords."""

    mails: dict[int, bytes] = field(default_factory=dict)
    password: str = "hush"  # noqa: S105 - of nobody
    claims: int | None = None
    said: list[str] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        try:
            while line := await reader.readline():
                tag, _, words = line.decode().strip().partition(" ")
                self.said.append("LOGIN" if words.startswith("LOGIN") else words)
                writer.write(self._answer(words) + f"{tag} {self._verdict(words)}\r\n".encode())
                await writer.drain()
                if words == "LOGOUT":
                    break
        except ConnectionError:
            pass  # the other side has left
        finally:
            writer.close()

    def _verdict(self, words: str) -> str:
        if words.startswith("LOGIN") and not words.endswith(f'"{self.password}"'):
            return "NO wrong password"
        if words.startswith("EXAMINE") and "INBOX" not in words:
            return "NO no such mailbox"
        return "OK done"

    def _answer(self, words: str) -> bytes:
        if words == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\n"
        if words.startswith("EXAMINE"):
            return f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n".encode()
        if words.startswith("UID SEARCH"):
            return ("* SEARCH " + " ".join(map(str, self.mails)) + "\r\n").encode()
        fetch = re.match(r"UID FETCH ([\d,]+) \((.*)\)$", words)
        if fetch is None:
            return b"* BYE\r\n" if words == "LOGOUT" else b""
        numbers = [int(number) for number in fetch[1].split(",") if int(number) in self.mails]
        return b"".join(self._mail(number, head="HEADER" in fetch[2]) for number in numbers)

    def _mail(self, number: int, *, head: bool) -> bytes:
        content = self.mails[number]
        shown = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head else content
        part = "BODY[HEADER.FIELDS (SUBJECT DATE)]" if head else "BODY[]"
        size = self.claims if self.claims is not None and not head else len(shown)
        return f"* {number} FETCH (UID {number} RFC822.SIZE {len(content)} {part} {{{size}}}\r\n".encode() + shown + b")\r\n"

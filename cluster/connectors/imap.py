"""Mailboxes, read over IMAP and never changed: nothing is marked as seen."""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from functools import partial
from typing import Any, Literal, TypeVar

import anyio
from anyio import to_thread
from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, SecretName, Surroundings, path_of
from cluster.errors import HearthError, NotFound, RemoteFailed, TooLarge
from cluster.outgoing.journal import Account, Asker
from cluster.outgoing.places import is_public
from cluster.outgoing.trust import trusted

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
AT_ONCE = 100
PIECE = 64 * 2**10
HEAD = "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)])"
ResultT = TypeVar("ResultT")


class ImapOptions(Options):
    host: str = Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")
    port: int = Field(993, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = Field("tls", description="`none` only within the operator's own network.")
    username: str = Field(min_length=1, max_length=320, description="Or `secret:NAME`.")
    password: SecretName
    mailbox: str = Field(
        "INBOX", min_length=1, max_length=500, pattern=r"^[ !#-\[\]-~]+$", description='As the server calls it, without `"`.'
    )
    days: int | None = Field(None, ge=1, le=36500, description="Only mails of the last days; none: all.")


class Imap:
    def __init__(self, options: ImapOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._line: _Line | None = None
        self._validity = ""
        self._account = Account(f"imap://{options.host}:{options.port}/{options.mailbox}")
        self._begun: tuple[Any, float] | None = None

    async def discover(self) -> AsyncGenerator[Item]:
        """The oldest first. A mail never changes, so its number is its mark."""
        await self._open()
        numbers = await self._asked(self._search)
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            for item in await self._asked(partial(self._heads, some)):
                yield item

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        if mark == item_id:
            return None
        await self._open()
        validity, _, number = item_id.partition(".")
        if validity != self._validity or not number.isdecimal() or len(number) > 10:
            raise NotFound(f"There is no mail '{item_id[:60]}' in the mailbox; look at it again.")
        content = await self._asked(lambda: self._whole(number))
        if content is None:
            raise NotFound(f"There is no mail '{item_id[:60]}' in the mailbox any more.")
        return Fetched(content, "message/rfc822", item_id)

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await to_thread.run_sync(line.leave)
        if self._begun is not None:
            (request_id, begun), self._begun = self._begun, None
            self._account.ms = round((time.monotonic() - begun) * 1000)
            await self._around.outgoing.journal.end(request_id, self._account)

    async def _open(self) -> None:
        if self._line is not None:
            return
        asker, options = self._around.asker, self._options
        self._begun = await self._note(asker)
        try:
            addresses = await self._around.outgoing.gate.addresses(options.host.lower().rstrip("."), options.port)
            if options.security == "none" and any(is_public(address) for address in addresses):
                raise RemoteFailed("A password would cross the internet in the clear; choose 'tls' or 'starttls'.")
            self._account.address = str(addresses[0])
            self._line = await self._asked(lambda: self._signed_in(self._account.address or ""))
        except HearthError as error:
            self._account.error, self._account.message = error.code, error.message
            raise

    async def _note(self, asker: Asker) -> tuple[Any, float]:
        """In the journal, as one entry for the whole visit."""
        request_id = await self._around.outgoing.journal.begin(asker, "IMAP", self._account.url, self._options.host, 0)
        return request_id, time.monotonic()

    def _signed_in(self, address: str) -> _Line:
        options, limits = self._options, self._around.settings.connectors
        context = trusted(self._around.settings.outgoing.ca_file)
        line = _Line(
            options.host,
            options.port,
            address,
            context if options.security == "tls" else None,
            int(limits.item_bytes),
            limits.transfer_timeout_s,
            self._around.settings.outgoing.connect_timeout_s,
        )
        try:
            if options.security == "starttls":
                line.starttls(context)
            line.login(self._around.secrets.get("username", options.username), self._around.secrets["password"])
            self._validity = self._selected(line)
        except BaseException:
            line.shutdown()
            raise
        return line

    def _selected(self, line: _Line) -> str:
        """The number under which the server's numbers of mails hold."""
        if line.select(f'"{self._options.mailbox}"', readonly=True)[0] != "OK":
            raise NotFound(f"There is no mailbox '{self._options.mailbox[:100]}' that can be read.")
        told = line.response("UIDVALIDITY")[1][0]
        return told.decode("ascii", "replace") if isinstance(told, bytes) else ""

    def _search(self) -> list[str]:
        since: list[str] = []
        if self._options.days is not None:
            day = datetime.now(UTC) - timedelta(days=self._options.days)
            since = ["SINCE", f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year}"]
        _, found = self._now.uid("SEARCH", *(since or ["ALL"]))
        return sorted((found[0] or b"").decode("ascii", "replace").split(), key=int) if found else []

    def _heads(self, numbers: list[str]) -> list[Item]:
        _, found = self._now.uid("FETCH", ",".join(numbers), HEAD)
        return [self._item(part[0], part[1]) for part in found if isinstance(part, tuple)]

    def _item(self, about: bytes, header: bytes) -> Item:
        told = about.decode("ascii", "replace")
        number, size = (int(match[1]) if (match := re.search(rf"{name} (\d+)", told)) else 0 for name in ("UID", r"RFC822\.SIZE"))
        message = message_from_bytes(header, policy=policy.default)
        try:
            title, sent = " ".join(str(message["Subject"] or "").split())[:300], message["Date"]
            when = sent.datetime if sent is not None else None
        except (ValueError, LookupError, TypeError, AttributeError, IndexError):
            title, when = "", None  # the header is malformed in a way that the parser cannot get over
        name = f"{self._validity}.{number}"
        path = path_of(self._options.mailbox, f"{number} {title.replace('/', '-')}".strip(), ending=".eml")
        if when is not None and when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return Item(name, path, title, name, size, "message/rfc822", when)

    def _whole(self, number: str) -> bytes | None:
        _, found = self._now.uid("FETCH", number, "(BODY.PEEK[])")
        return next((part[1] for part in found if isinstance(part, tuple)), None)

    @property
    def _now(self) -> _Line:
        assert self._line is not None, "it was opened"
        return self._line

    async def _asked(self, work: Callable[[], ResultT]) -> ResultT:
        """Errors as ours, and never with the password in them."""
        try:
            with anyio.fail_after(self._around.settings.connectors.transfer_timeout_s + 5):
                return await to_thread.run_sync(work)
        except imaplib.IMAP4.error as error:
            said = str(error).replace(self._around.secrets.get("password", "\0"), "***")[:200]
            raise RemoteFailed(f"The mail server refuses: {said}; check user, password and mailbox.") from None
        except (OSError, ssl.SSLError, EOFError) as error:
            raise RemoteFailed(f"The mail server does not answer as it should ({type(error).__name__}).") from None
        except (ValueError, IndexError, TypeError) as error:
            raise RemoteFailed(f"The mail server does not speak IMAP as it should ({type(error).__name__}).") from None


class _Line(imaplib.IMAP4):
    """To an address that was checked, and with bounds: on a line's time, and on what is read at once."""

    def __init__(
        self, name: str, port: int, address: str, context: ssl.SSLContext | None, most: int, seconds: float, connecting: float
    ) -> None:
        self._name, self._address, self._context, self._most = name, address, context, most
        self._until, self._connecting = time.monotonic() + seconds, connecting
        super().__init__(name, port, timeout=connecting)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        line = socket.create_connection((self._address, port), timeout)
        line.settimeout(30.0)
        self.sock = self._context.wrap_socket(line, server_hostname=self._name) if self._context is not None else line
        self.file = self.sock.makefile("rb")

    def read(self, size: int) -> bytes:
        if size > self._most:
            raise TooLarge(f"A mail is larger than {self._most} bytes (setting connectors.item_bytes).")
        content = bytearray()
        while len(content) < size:
            if time.monotonic() > self._until:
                raise TimeoutError("the whole visit took too long")
            piece: bytes = self.file.read(min(PIECE, size - len(content)))  # type: ignore[assignment]  # it was opened for bytes
            if not piece:
                raise EOFError("the line broke off")
            content += piece
        return bytes(content)

    def readline(self) -> bytes:
        if time.monotonic() > self._until:
            raise TimeoutError("the whole visit took too long")
        return super().readline()

    def leave(self) -> None:
        try:
            self.logout()
        except (imaplib.IMAP4.error, OSError, EOFError):
            self.shutdown()


KIND = Kind("imap", "A mailbox, read over IMAP and not changed.", ImapOptions, Imap)

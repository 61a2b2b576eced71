"""The one client for what goes out on somebody's word (see this folder's ``__init__``)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

import anyio
import httpcore2
import structlog
import tenacity
from sqlalchemy.exc import SQLAlchemyError

from cluster.content.media import UNKNOWN, agrees, found_type, media_of
from cluster.errors import HearthError, RemoteFailed, TooLarge, Unprocessable, UnsupportedMedia
from cluster.outgoing.asking import Ask, Reply, check_headers, read_headers, redirected
from cluster.outgoing.gate import Gate, GatedBackend, Resolver
from cluster.outgoing.journal import Account, Asker, Journal
from cluster.outgoing.reading import ACCEPTED, read_all
from cluster.outgoing.trust import trusted
from cluster.outgoing.urls import Target, shown, without
from cluster.settings import Settings

log = structlog.get_logger(__name__)

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Of which the same request, sent again, changes nothing.
REPEATABLE = frozenset({"GET", "HEAD"})
BUSY = frozenset({429, 502, 503, 504})
NO_CONTENT = frozenset({204, 205, 304})
WRITE_S = 5.0


class Outgoing:
    """Belongs to one event loop; nothing is connected before the first use. Proxies, cookies and passwords of the environment are not
    looked at. ``resolver``: of names, by default the system's."""

    def __init__(self, settings: Settings, journal: Journal, resolver: Resolver | None = None) -> None:
        self._settings = settings.outgoing
        self._limits = settings.ingest
        self.journal = journal
        self.gate = Gate(settings.outgoing, resolver, offline=settings.offline)
        # Nobody's slow requests are everybody's.
        self._slots: WeakValueDictionary[uuid.UUID, asyncio.Semaphore] = WeakValueDictionary()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted(settings.outgoing.ca_file),
            max_connections=settings.outgoing.concurrency,
            max_keepalive_connections=settings.outgoing.concurrency,
            keepalive_expiry=5.0,
            network_backend=GatedBackend(self.gate),
        )

    async def send(self, ask: Ask, who: Asker) -> Reply:
        """Raises AddressRefused or Unprocessable for an address that is not asked; RemoteFailed when the other side does not answer, or not
        in time, or not as HTTP; TooLarge; UnsupportedMedia when the content is not what it is said, or expected, to be. An answer with an
        error status is an answer."""
        if len(ask.content) > self._settings.request_bytes:
            most = int(self._settings.request_bytes)
            raise TooLarge(f"The body has {len(ask.content)} bytes, at most {most} are sent (setting outgoing.request_bytes).")
        check_headers(ask.headers)
        target = Target.of(ask.url)
        account = Account(shown(target.url, ask.secrets))
        request_id = await self.journal.begin(who, ask.method, account.url, target.host, len(ask.content))
        begun = time.monotonic()
        try:
            return await self._in_time(ask, target, account, request_id, who.organisation_id)
        except HearthError as error:
            account.error, account.message = error.code, without(error.message, ask.secrets)
            raise
        except BaseException as error:
            account.error, account.message = "interrupted", type(error).__name__
            raise
        finally:
            account.ms = round((time.monotonic() - begun) * 1000)
            await self._close(request_id, account)

    async def close(self) -> None:
        await self._pool.aclose()

    async def _close(self, request_id: uuid.UUID, account: Account) -> None:
        """Also when whoever asked has left."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(WRITE_S):
            try:
                await self.journal.end(request_id, account)
            except (SQLAlchemyError, OSError) as error:
                # That it was sent stands there; what came of it is in this line.
                log.warning("how a request ended could not be written down", request=str(request_id), error=type(error).__name__)

    async def _in_time(self, ask: Ask, target: Target, account: Account, request_id: uuid.UUID, organisation_id: uuid.UUID) -> Reply:
        seconds = ask.timeout_s or self._settings.timeout_s
        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds), self._slot(organisation_id):
                target, status, headers, content = await self._follow(ask, target, account)
        except TimeoutError:
            raise RemoteFailed(f"'{target.host}' had not answered completely after {seconds:g} s (setting outgoing.timeout_s).") from None
        account.status, account.bytes = status, len(content)
        media = await self._examined(ask, target, headers, content, account)
        ms = round((time.monotonic() - begun) * 1000)
        return Reply(request_id, target.url, account.address or "", status, headers, content, media, ms)

    def _slot(self, organisation_id: uuid.UUID) -> asyncio.Semaphore:
        slot = self._slots.get(organisation_id)
        if slot is None:
            slot = self._slots[organisation_id] = asyncio.Semaphore(self._settings.per_organisation)
        return slot

    async def _follow(self, ask: Ask, target: Target, account: Account) -> tuple[Target, int, dict[str, str], bytes]:
        for _ in range(self._settings.redirects + 1):
            status, headers, content = await self._repeating(ask, target, account)
            location = headers.get("location")
            if status not in REDIRECTS or not location or not ask.follow:
                return target, status, headers, content
            onward = target.joined(location)
            ask = redirected(ask, status, same=onward.origin == target.origin)
            target = onward
            account.url = shown(target.url, ask.secrets)
        raise RemoteFailed(f"It redirects more than {self._settings.redirects} times (setting outgoing.redirects).")

    async def _repeating(self, ask: Ask, target: Target, account: Account) -> tuple[int, dict[str, str], bytes]:
        attempts = self._settings.attempts if ask.method in REPEATABLE else 1
        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda answer: answer[0] in BUSY) | tenacity.retry_if_exception_type(_Passing),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(attempts),
            retry_error_callback=_last,
        )

        async def once() -> tuple[int, dict[str, str], bytes]:
            return await self._exchange(ask, target, account)

        answer: tuple[int, dict[str, str], bytes] = await again(once)
        return answer

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """What Retry-After says, else longer each time; the time for the whole request bounds both."""
        outcome = state.outcome
        told = outcome.result()[1].get("retry-after", "") if outcome is not None and not outcome.failed else ""
        longer = tenacity.wait_random_exponential(multiplier=self._settings.first_wait_s, max=self._settings.timeout_s)(state)
        return float(told) if told.isdecimal() and len(told) < 5 else longer

    async def _exchange(self, ask: Ask, target: Target, account: Account) -> tuple[int, dict[str, str], bytes]:
        hop: dict[str, Any] = {"url": shown(target.url, ask.secrets)}
        account.hops.append(hop)
        begun = time.monotonic()
        try:
            return await self._one(ask, target, account, hop)
        except httpcore2.PoolTimeout:
            raise RemoteFailed("Too many requests are open here (setting outgoing.concurrency); try again later.") from None
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.RemoteProtocolError) as error:
            hop["error"] = _named(error)
            said = without(str(error), ask.secrets)
            raise _Passing(f"'{target.host}' does not answer as it should: {_named(error)}{f' ({said[:200]})' if said else ''}.") from None
        except (httpcore2.LocalProtocolError, httpcore2.UnsupportedProtocol, UnicodeError) as error:
            hop["error"] = _named(error)
            raise Unprocessable(f"The request cannot be sent: {without(str(error), ask.secrets)[:200]}.") from None
        except HearthError as error:
            hop["error"] = error.code
            raise
        finally:
            hop["ms"] = round((time.monotonic() - begun) * 1000)

    async def _one(self, ask: Ask, target: Target, account: Account, hop: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        most = ask.most_bytes or int(self._settings.response_bytes)
        seconds, connecting = ask.timeout_s or self._settings.timeout_s, self._settings.connect_timeout_s
        url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target.encode("ascii"))
        host = target.url.split("/", 3)[2]
        given = {"host": host, "user-agent": self._settings.user_agent, "accept": "*/*"} | {
            name.lower(): value for name, value in ask.headers.items()
        }
        sent = [(name.encode("ascii"), value.encode("utf-8")) for name, value in given.items()] + [(b"accept-encoding", ACCEPTED)]
        # A body of no bytes has a length too, where the method means one.
        content = ask.content if ask.content or ask.method not in REPEATABLE else None
        times = {"timeout": {"connect": connecting, "read": seconds, "write": seconds, "pool": seconds}}
        async with self._pool.stream(ask.method, url, headers=sent, content=content, extensions=times) as response:
            address = response.extensions["network_stream"].get_extra_info("server_addr")
            hop["address"] = account.address = str(address[0]) if address else None
            hop["status"] = account.status = response.status
            headers = read_headers(response.headers)
            account.media_type = media_of(headers.get("content-type")) or None
            if response.status in REDIRECTS and "location" in headers:
                return response.status, headers, b""
            empty = ask.method == "HEAD" or response.status in NO_CONTENT
            return response.status, headers, b"" if empty else await read_all(response, headers, most)

    async def _examined(self, ask: Ask, target: Target, headers: Mapping[str, str], content: bytes, account: Account) -> str:
        """What the content is."""
        declared = media_of(headers.get("content-type"))
        if not content:
            return declared or UNKNOWN
        name = target.target.partition("?")[0].rpartition("/")[2]
        found = account.found_type = await anyio.to_thread.run_sync(found_type, content, name, self._limits)
        if not agrees(declared, found):
            raise UnsupportedMedia(f"The answer says that it is {declared}, and its content is {found}; it is not taken.")
        # Among kinds of text, what is said counts; but a page is a page, whatever it is called.
        media = declared if declared.startswith("text/") and found == "text/plain" else found
        if (
            ask.expect
            and 200 <= (account.status or 0) < 300
            and not any(_is(media, wanted) or _is(declared, wanted) for wanted in ask.expect)
        ):
            raise UnsupportedMedia(f"The answer is {media}, expected was {', '.join(ask.expect)}; check the address.")
        return media


class _Passing(RemoteFailed):
    """May pass by itself. Whoever asked is told of it as RemoteFailed."""


def _last(state: tenacity.RetryCallState) -> Any:
    """The last answer that came, however it is; what the last attempt raised where none did."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, _Passing):
        raise RemoteFailed(error.message)
    return state.outcome.result()


def _is(media: str, wanted: str) -> bool:
    return media.startswith(wanted) if wanted.endswith("/") else media == wanted


def _named(error: Exception) -> str:
    """``ConnectTimeout`` as "connect timeout"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).strip()

"""RSS, Atom and JSON feeds: each entry is a document."""

from __future__ import annotations

import hashlib
import html
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import fastfeedparser
import nh3
from anyio import to_thread
from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, Surroundings, WebAddress, path_of
from cluster.connectors.web import get_page
from cluster.errors import HearthError, NotFound, RemoteFailed, Unprocessable
from cluster.outgoing.urls import Target


class FeedOptions(Options):
    url: WebAddress
    pages: bool = Field(False, description="Bring in the page that an entry links to, instead of what the feed itself has of it.")


class Feed:
    def __init__(self, options: FeedOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._url = Target.of(options.url)

    async def discover(self) -> AsyncGenerator[Item]:
        for entry in await self._entries():
            yield self._item(entry)

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        entry = next((entry for entry in await self._entries() if _id(entry) == item_id), None)
        if entry is None:
            raise NotFound(f"The feed has no entry '{item_id[:200]}' any more.")
        if self._options.pages:
            return await get_page(self._around, self._link(entry), mark)
        found = _document(entry)
        return None if mark is not None and found.mark == mark else found

    async def close(self) -> None:
        """Nothing is open between requests."""

    async def _entries(self) -> list[dict[str, Any]]:
        reply = await self._around.get(self._url.url, most=int(self._around.settings.connectors.page_bytes))
        if not reply.succeeded:
            raise RemoteFailed(f"The feed answers with the status {reply.status}.")
        try:
            # Bytes are parsed; a text would be taken for an address, and asked for.
            feed = await to_thread.run_sync(fastfeedparser.parse, bytes(reply.content))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            what = self._url.url[:200]
            raise Unprocessable(f"'{what}' is no RSS, Atom or JSON feed ({str(error)[:99]}).").about("options.url") from None
        return [dict(entry) for entry in feed.entries if _id(entry)]

    def _item(self, entry: dict[str, Any]) -> Item:
        title, updated = _plain(entry.get("title")), _time(entry)
        number = hashlib.sha256(_id(entry).encode("utf-8", "replace")).hexdigest()[:8]
        path = path_of(self._url.host, f"{title.replace('/', '-')} {number}".strip(), ending=".html")
        if self._options.pages:
            return Item(_id(entry), path, title, updated_at=updated)
        found = _document(entry)
        return Item(_id(entry), path, title, found.mark, len(found.content), found.media_type, updated, found)

    def _link(self, entry: dict[str, Any]) -> str:
        try:
            return self._url.joined(str(entry.get("link") or "")).url
        except HearthError:
            raise Unprocessable(f"The entry '{_id(entry)[:200]}' links to no page.") from None


def _id(entry: dict[str, Any]) -> str:
    return str(entry.get("id") or entry.get("link") or "")[:2000]


def _document(entry: dict[str, Any]) -> Fetched:
    """What the feed has of an entry, as a page without anything that acts."""
    parts = [str(part.get("value") or "") for part in entry.get("content") or [] if isinstance(part, dict)]
    body = nh3.clean("\n".join(parts) or str(entry.get("description") or ""))
    title, link = html.escape(_plain(entry.get("title"))), html.escape(str(entry.get("link") or ""))
    head = f"<!doctype html><html><head><meta charset='utf-8'><title>{title}</title></head><body><h1>{title}</h1>\n"
    content = f"{head}{body}\n<p>{link}</p></body></html>".encode("utf-8", "replace")
    return Fetched(content, "text/html", hashlib.sha256(content).hexdigest())


def _plain(text: object) -> str:
    """A title without tags."""
    return " ".join(html.unescape(nh3.clean(str(text or ""), tags=set())).split())[:300]


def _time(entry: dict[str, Any]) -> datetime | None:
    for name in ("updated", "published"):
        try:
            found = datetime.fromisoformat(str(entry.get(name)))
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


KIND = Kind("feed", "RSS, Atom or JSON feeds; each entry is a document.", FeedOptions, Feed)

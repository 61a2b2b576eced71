"""A web site: pages that are linked with each other, as far as its robots.txt allows, and no faster than it likes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from urllib.parse import urljoin

from anyio import to_thread
from protego import Protego
from pydantic import Field
from selectolax.lexbor import LexborHTMLParser

from cluster.connectors.base import Fetched, Item, Kind, Options, Surroundings, WebAddress, said
from cluster.connectors.web import get_page, mark_of, page_path
from cluster.content.sniff import decode
from cluster.errors import AddressRefused, BadInput, HearthError, RemoteFailed
from cluster.outgoing.asking import Reply
from cluster.outgoing.urls import Target

MOST_LINKS = 2000
MOST_QUEUED = 50_000


class SiteOptions(Options):
    url: WebAddress = Field(description="Where to begin. Only pages of this server are followed.")
    within: str = Field("/", pattern=r"^/\S{0,1000}$", description="Only pages whose path begins so are followed.")
    depth: int = Field(2, ge=0, le=20, description="Links that lead from the beginning to a page, at most.")
    pages: int = Field(200, ge=1, le=10_000, description="Pages, at most.")


@dataclass(slots=True)
class Page:
    links: list[str] = field(default_factory=list)
    title: str = ""
    is_indexed: bool = True


class Site:
    def __init__(self, options: SiteOptions, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._start = Target.of(options.url)
        self._robots: Protego | None = None
        self._asked = float("-inf")

    async def discover(self) -> AsyncGenerator[Item]:
        """Breadth first. The content is here with each page."""
        agent = self._around.settings.outgoing.user_agent.lower()
        waiting, known, pages = deque([(self._start.url, 0)]), {self._start.url}, 0
        while waiting and pages < self._options.pages:
            url, depth = waiting.popleft()
            try:
                reply = await self._page(url)
            except (BadInput, RemoteFailed) as error:
                if url == self._start.url:
                    raise
                yield Item(url, page_path(url), problem=said(error))
                continue
            page = await to_thread.run_sync(read_page, reply, agent) if reply.media_type == "text/html" else Page()
            if page.is_indexed:
                pages += 1
                found = Fetched(reply.content, reply.media_type, mark_of(reply))
                yield Item(url, page_path(url, reply.media_type), page.title, None, len(reply.content), reply.media_type, found=found)
            for link in page.links if depth < self._options.depth and self._is_here(Target.of(reply.url)) else ():
                if len(known) < MOST_QUEUED and link not in known and self._is_here(Target.of(link)):
                    known.add(link)
                    waiting.append((link, depth + 1))

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        target = Target.of(item_id)
        if target.origin != self._start.origin:
            raise AddressRefused(f"'{target.url[:200]}' is not of the site {self._options.url[:200]}.")
        await self._allowed(target.url)
        return await get_page(self._around, target.url, mark)

    async def close(self) -> None:
        """Nothing is open between requests."""

    def _is_here(self, target: Target) -> bool:
        return target.origin == self._start.origin and target.target.startswith(self._options.within)

    async def _page(self, url: str) -> Reply:
        await self._allowed(url)
        reply = await self._around.get(url, {"Accept": "text/html, */*;q=0.5"}, most=int(self._around.settings.connectors.page_bytes))
        if not reply.succeeded:
            raise RemoteFailed(f"The page answers with the status {reply.status}.")
        return reply

    async def _allowed(self, url: str) -> None:
        """When it is time for the next request. Raises AddressRefused where the site does not want one."""
        if self._robots is None:
            self._robots = await self._read_robots()
        agent = self._around.settings.outgoing.user_agent
        if not self._robots.can_fetch(url, agent):
            raise AddressRefused(f"The site's robots.txt does not allow '{url[:200]}'.")
        limits = self._around.settings.connectors
        wanted = max(limits.delay_s, min(float(self._robots.crawl_delay(agent) or 0), limits.longest_delay_s))
        await asyncio.sleep(max(0.0, self._asked + wanted - time.monotonic()))
        self._asked = time.monotonic()

    async def _read_robots(self) -> Protego:
        """As RFC 9309 has it: no such file allows everything, one that cannot be had nothing."""
        target = self._start.joined("/robots.txt")
        reply = await self._around.get(target.url, most=int(self._around.settings.connectors.page_bytes))
        if reply.status >= 500 or reply.status == 429:
            raise RemoteFailed(f"The site's robots.txt cannot be had (status {reply.status}), so nothing else is asked; try again later.")
        text = decode(reply.content, len(reply.content)) if reply.succeeded else ""
        return await to_thread.run_sync(Protego.parse, text)


def read_page(reply: Reply, agent: str) -> Page:
    """Title and links of a page, and whether its author wants it found."""
    tree = LexborHTMLParser(decode(reply.content, len(reply.content)))
    page, rules = Page(), ""
    for meta in tree.css("meta"):
        if (meta.attributes.get("name") or "").lower() in {"robots", agent}:
            rules += "," + (meta.attributes.get("content") or "").lower()
    told = {rule.strip() for rule in (rules + "," + reply.headers.get("x-robots-tag", "").lower()).split(",")}
    page.is_indexed = not told & {"noindex", "none"}
    title = tree.css_first("title")
    page.title = " ".join(title.text().split())[:300] if title is not None else ""
    if not told & {"nofollow", "none"}:
        page.links = _links(tree, reply.url)
    return page


def _links(tree: LexborHTMLParser, url: str) -> list[str]:
    base = tree.css_first("base[href]")
    root = urljoin(url, base.attributes.get("href") or "") if base is not None else url
    found: dict[str, None] = {}
    for anchor in tree.css("a[href]"):
        if len(found) >= MOST_LINKS:
            break
        if "nofollow" in (anchor.attributes.get("rel") or "").lower().split():
            continue
        try:
            found[Target.of(urljoin(root, (anchor.attributes.get("href") or "").strip())).url] = None
        except (HearthError, ValueError):
            continue  # mailto:, javascript:, and what is no address at all
    return list(found)


KIND = Kind("site", "A web site, followed from page to page; its robots.txt is kept.", SiteOptions, Site)

"""Pages and files of the web, by their addresses."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Annotated

from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, SecretName, Surroundings, WebAddress, path_of
from cluster.errors import NotFound, RemoteFailed
from cluster.outgoing.asking import Reply
from cluster.outgoing.urls import Target

ENDINGS = {"text/html": ".html", "application/pdf": ".pdf", "text/plain": ".txt"}


class WebOptions(Options):
    urls: Annotated[list[WebAddress], Field(min_length=1, max_length=1000)]
    bearer: SecretName | None = Field(None, description="A secret that is sent as `Authorization: Bearer`, to all of these addresses.")


class Web:
    def __init__(self, options: WebOptions, around: Surroundings) -> None:
        self._urls = list(dict.fromkeys(Target.of(url).url for url in options.urls))
        self._around = around

    async def discover(self) -> AsyncGenerator[Item]:
        for url in self._urls:
            yield Item(url, page_path(url))

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        url = Target.of(item_id).url
        if url not in self._urls:
            raise NotFound(f"'{url[:200]}' is not one of the connector's addresses; add it to 'urls'.")
        bearer = self._around.secrets.get("bearer")
        return await get_page(self._around, url, mark, {"Authorization": f"Bearer {bearer}"} if bearer else {})

    async def close(self) -> None:
        """Nothing is open between requests."""


async def get_page(around: Surroundings, url: str, mark: str | None = None, headers: dict[str, str] | None = None) -> Fetched | None:
    """What is at ``url``; None where the server says that it is still what ``mark`` was made of."""
    known = json.loads(mark) if mark else {}
    asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("modified")}
    sent = (headers or {}) | {name: value for name, value in asked.items() if value}
    reply = await around.get(url, sent, most=int(around.settings.connectors.item_bytes))
    if reply.status == 304 and mark:
        return None
    if reply.status in {404, 410}:
        raise NotFound(f"There is nothing at '{url[:200]}' (status {reply.status}).")
    if not reply.succeeded:
        raise RemoteFailed(f"'{url[:200]}' answers with the status {reply.status}.")
    return Fetched(reply.content, reply.media_type, mark_of(reply))


def mark_of(reply: Reply) -> str | None:
    """What the server says by which it would know that nothing has changed."""
    told = {"etag": reply.headers.get("etag", "")[:500], "modified": reply.headers.get("last-modified", "")[:100]}
    return json.dumps({name: value for name, value in told.items() if value}) if any(told.values()) else None


def page_path(url: str, media_type: str = "text/html") -> str:
    """What the document of a page is called: host, path and query."""
    target = Target.of(url)
    port = "" if target.url.startswith(f"{target.scheme}://{target.host}/") else f"_{target.port}"
    path = target.target if not target.target.endswith("/") else f"{target.target}index"
    name = path.rpartition("/")[2].partition("?")[0]
    return path_of(f"{target.host}{port}", path, ending="" if "." in name else ENDINGS.get(media_type, ""))


KIND = Kind("web", "Pages and files of the web, by their addresses.", WebOptions, Web)

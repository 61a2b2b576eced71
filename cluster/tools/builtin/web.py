"""What stands in the web, as text."""

from __future__ import annotations

from pydantic import Field

from cluster.content.pipeline import processed
from cluster.contracts.generation import Json
from cluster.errors import AddressRefused, RemoteFailed, UnsupportedMedia
from cluster.outgoing.asking import Ask
from cluster.outgoing.journal import Asker
from cluster.outgoing.urls import Target
from cluster.tools.builtin.base import Arguments, Call, Options, Said, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool
from cluster.tools.builtin.documents import DATA, quoted


class FetchArguments(Arguments):
    url: str = Field(min_length=8, max_length=4096, description="An address that begins with http:// or https://.")
    chars: int | None = Field(None, ge=1, le=1_000_000, description="Characters of its text, at most; the tool's setting bounds it.")


class FetchOptions(Options):
    chars: int = Field(20_000, ge=100, le=1_000_000, description="Characters of a text that are given, at most.")
    hosts: list[str] | None = Field(
        None, max_length=1000, description="Only these hosts, as `example.org` or `*.example.org`; null: all that outgoing rules allow."
    )


async def _fetch(call: Call[FetchArguments, FetchOptions]) -> Json | Said:
    given, settings = call.given, call.around.settings
    _check_host(Target.of(given.url).host, call.options.hosts)
    who = Asker(call.caller.organisation_id, call.caller.user_id, "tool:fetch_url", call.caller.key[:128])
    most = min(int(settings.content.item_bytes), int(settings.outgoing.response_bytes))
    reply = await call.around.outgoing.send(Ask(given.url, most_bytes=most), who)
    # A redirect may have led elsewhere; what it says is told to nobody then.
    _check_host(Target.of(reply.url).host, call.options.hosts)
    if not reply.succeeded:
        raise RemoteFailed(f"The server answered with the status {reply.status}; check the address.")
    name = {"name": reply.url.partition("?")[0].rpartition("/")[2]}
    made = await call.reading.call(processed, reply.content, reply.media_type, name, settings.ingest, most, settings.content.text_chars)
    if made.text is None:
        raise UnsupportedMedia(
            f"The address leads to {made.media_type}, which is no text; a connector brings such files into a collection."
        )
    chars = min(given.chars or call.options.chars, call.options.chars)
    text, more = made.text[:chars], max(0, len(made.text) - chars)
    value: Json = {"url": reply.url, "media_type": made.media_type, "title": made.title, "text": text, "more": more}
    end = f"\n[{more} more characters]" if more else ""
    return Said(value, f"{reply.url} ({made.media_type}). {DATA}\n{quoted(text)}{end}")


def _check_host(host: str, allowed: list[str] | None) -> None:
    if allowed is None or any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in allowed):
        return
    raise AddressRefused(f"'{host}' is not one of the hosts that fetch_url may ask here; an admin sets them in the tool's settings.")


FETCH_URL = Tool(
    "fetch_url",
    "Fetch a page",
    "The text of a page or file of the web.",
    "web",
    FetchArguments,
    FetchOptions,
    _fetch,
    role="editor",
    output=object_of(url={"type": "string"}, media_type={"type": "string"}, title={"type": "string"}, text={"type": "string"}),
)

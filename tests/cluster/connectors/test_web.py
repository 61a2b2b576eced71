"""Pages, sites and feeds."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from cluster.errors import AddressRefused, NotFound, RemoteFailed, TooLarge, Unprocessable
from tests.cluster.connectors.conftest import listed

HTML = "text/html; charset=utf-8"
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Bay</title><link>{0}</link><description>d</description>
<item><title>High &lt;b&gt;water&lt;/b&gt;</title><link>{0}/high</link><guid>g1</guid><pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate>
<description>&lt;p onclick="x()"&gt;At noon.&lt;/p&gt;&lt;script&gt;steal()&lt;/script&gt;</description></item>
<item><title>Low water</title><link>{0}/low</link><guid>g2</guid><description>At dusk.</description></item></channel></rss>"""


def page(*links: str, head: str = "", title: str = "t") -> tuple[str, str]:
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    return HTML, f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{anchors}</body></html>"


async def test_pages_are_fetched_by_their_addresses_and_only_when_they_changed(opening, outside):
    outside.pages["/tides"] = page(title="Tides")
    url = f"{outside.url}/tides"
    async with opening("web", {"urls": [url, url]}) as source:
        (item,) = await listed(source)
        assert item.path == f"127.0.0.1_{outside.port}/tides.html"
        first = await source.fetch(item.id)
        assert b"Tides" in first.content
        assert await source.fetch(item.id, first.mark) is None
        outside.pages["/tides"] = page(title="Other tides")
        assert (await source.fetch(item.id, first.mark)).mark != first.mark
        with pytest.raises(NotFound, match="not one of"):
            await source.fetch(f"{outside.url}/text")


@pytest.mark.parametrize(("path", "error"), [("none", NotFound), ("status/500", RemoteFailed), ("large/9000", TooLarge)])
async def test_a_page_that_cannot_be_had_says_why(opening, outside, path, error):
    async with opening("web", {"urls": [f"{outside.url}/{path}"]}, item_bytes=5000) as source:
        with pytest.raises(error):
            await source.fetch(f"{outside.url}/{path}")


async def test_a_secret_goes_to_the_page_and_not_where_it_redirects(opening, outside):
    away = f"{outside.url}/to?url=http://localhost.example/"
    async with opening("web", {"urls": [f"{outside.url}/echo", away], "bearer": "secret:X"}, secrets={"bearer": "hush"}) as source:
        told = json.loads((await source.fetch(f"{outside.url}/echo")).content)
        assert told["headers"]["authorization"] == ["Bearer hush"]
        with pytest.raises((AddressRefused, RemoteFailed)) as refused:
            await source.fetch(away)
        assert "hush" not in str(refused.value)


async def test_a_site_is_followed_as_far_as_it_is_asked_and_no_further(opening, outside):
    outside.pages |= {
        "/": page("/a", "/b#part", "mailto:a@b", "javascript:x()", "http://elsewhere.example/", "//127.0.0.2/x", "http://[", title="Start"),
        "/a": page("/a/deep", "/"),
        "/b": page(),
        "/a/deep": page("/a/deeper"),
        "/a/deeper": page(),
    }
    async with opening("site", {"url": f"{outside.url}/", "depth": 2}) as source:
        items = await listed(source)
        assert [item.id.removeprefix(outside.url) for item in items] == ["/", "/a", "/b", "/a/deep"]
        assert items[0].title == "Start"
        assert all(item.found for item in items)
    async with opening("site", {"url": f"{outside.url}/", "depth": 9, "pages": 2}) as source:
        assert len(await listed(source)) == 2
    async with opening("site", {"url": f"{outside.url}/a", "within": "/a"}) as source:
        assert [item.id.removeprefix(outside.url) for item in await listed(source)] == ["/a", "/a/deep", "/a/deeper"]
    assert outside.hits["/none"] == 0


async def test_what_a_site_does_not_want_is_left(opening, outside):
    outside.pages |= {
        "/robots.txt": ("text/plain", "User-agent: *\nDisallow: /private\n"),
        "/": page("/private/x", "/hidden", "/quiet"),
        "/private/x": page(),
        "/hidden": page("/found", head='<meta name="robots" content="noindex">'),
        "/quiet": page("/never", head='<meta name="ROBOTS" content="nofollow">'),
        "/found": page(),
        "/never": page(),
    }
    async with opening("site", {"url": f"{outside.url}/", "depth": 5}) as source:
        items = {item.id.removeprefix(outside.url): item.problem for item in await listed(source)}
        with pytest.raises(AddressRefused):
            await source.fetch(f"{outside.url}/private/x")
    assert "robots.txt" in str(items.pop("/private/x"))
    assert items == {"/": None, "/quiet": None, "/found": None}
    assert outside.hits["/private/x"] == outside.hits["/never"] == 0


async def test_a_site_whose_robots_file_cannot_be_had_is_not_asked(opening, outside):
    async with opening("site", {"url": f"{outside.url}/status/500"}) as source:
        outside.pages |= {"/": page()}
        assert outside.hits["/"] == 0
        with pytest.raises(RemoteFailed):
            await listed(source)


async def test_one_bad_page_of_a_site_stops_nothing_and_a_bad_start_everything(opening, outside):
    outside.pages |= {"/": page("/status/500", "/bomb/1", "/good"), "/good": page()}
    async with opening("site", {"url": f"{outside.url}/"}, page_bytes=5000) as source:
        problems = {item.id.removeprefix(outside.url): bool(item.problem) for item in await listed(source)}
    assert problems == {"/": False, "/status/500": True, "/bomb/1": True, "/good": False}
    async with opening("site", {"url": f"{outside.url}/nothing"}) as source:
        with pytest.raises(RemoteFailed):
            await listed(source)


async def test_entries_of_a_feed_are_documents_without_anything_that_acts(opening, outside):
    outside.pages["/rss"] = ("application/rss+xml", RSS.format(outside.url))
    async with opening("feed", {"url": f"{outside.url}/rss"}) as source:
        first, second = await listed(source)
        assert (first.id, first.title, str(first.updated_at)) == ("g1", "High water", "2026-11-02 10:00:00+00:00")
        assert first.path != second.path
        assert first.found is not None
        text = first.found.content.decode()
        assert "<p>At noon.</p>" in text
        assert "script" not in text
        assert "onclick" not in text
        assert await source.fetch("g1", first.mark) is None
        assert b"At dusk." in (await source.fetch("g2")).content
        with pytest.raises(NotFound):
            await source.fetch("g3")


async def test_a_feed_can_bring_the_pages_it_links_to(opening, outside):
    outside.pages |= {"/rss": ("application/rss+xml", RSS.format(outside.url)), "/high": page(title="The page")}
    async with opening("feed", {"url": f"{outside.url}/rss", "pages": True}) as source:
        assert (await listed(source))[0].found is None
        assert b"The page" in (await source.fetch("g1")).content
        with pytest.raises(NotFound):
            await source.fetch("g2")


@pytest.mark.parametrize(
    "content",
    [
        "<html><body>no feed</body></html>",
        "{}",
        "words",
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><title>&x;</title></channel></rss>',
    ],
)
async def test_what_is_no_feed_is_said_to_be_none_and_entities_lead_nowhere(opening, outside, content):
    outside.pages["/rss"] = ("text/plain", content)
    async with opening("feed", {"url": f"{outside.url}/rss"}) as source:
        with suppress(Unprocessable):
            assert await listed(source) == []

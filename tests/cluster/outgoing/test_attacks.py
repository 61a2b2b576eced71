"""Ways to make this machine ask what it should not: none leads there."""

from __future__ import annotations

import pytest

from cluster.errors import AddressRefused, RemoteFailed, TooLarge, Unprocessable, UnsupportedMedia
from cluster.fakes.outside import Outside

FORMS = "127.0.0.1 [::1] [::ffff:127.0.0.1] [64:ff9b::7f00:1] 10.0.0.1 169.254.169.254 0.0.0.0 224.0.0.1 localhost".split()
ELSEWHERE = "http://127.0.0.1/ http://[::ffff:169.254.169.254]/ http://2130706433/ file:///etc/passwd //10.0.0.1/x".split()
LOOPBACK = {"localhost": [["127.0.0.1"]]}


@pytest.mark.parametrize("host", FORMS)
async def test_addresses_that_are_not_public_are_refused(way, host):
    async with way(names=LOOPBACK) as going:
        with pytest.raises(AddressRefused, match=r"outgoing\.allowed"):
            await going.get(f"http://{host}/latest/meta-data/")
        (row,) = await going.rows()
    assert (row.error, row.status, row.address) == ("address_refused", None, None)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.0.7", "::ffff:10.0.0.1", "fe80::1%eth0", "fd00:ec2::254"])
async def test_a_name_is_judged_by_where_it_leads(way, address):
    async with way(names={"inner.example": [[address]]}) as going:
        with pytest.raises(AddressRefused, match="leads to"):
            await going.get("http://inner.example/")


async def test_a_name_that_leads_to_a_refused_place_too_is_refused(way):
    async with way(names={"both.example": [["93.184.216.34", "127.0.0.1"]]}) as going:
        with pytest.raises(AddressRefused):
            await going.get("http://both.example/")


async def test_a_port_that_is_not_open_to_all_is_refused(way):
    async with way() as going:
        with pytest.raises(AddressRefused, match="Port 25"):
            await going.get("http://93.184.216.34:25/")


async def test_an_allowed_port_opens_no_other_of_the_same_place(way, outside):
    async with way(f"127.0.0.1:{outside.port}") as going:
        with pytest.raises(AddressRefused):
            await going.get("http://127.0.0.1/")
        with pytest.raises(AddressRefused):
            await going.get(f"http://127.0.0.2:{outside.port}/")


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_a_redirect_leads_nowhere_that_may_not_be_asked(going, outside, where):
    with pytest.raises(Unprocessable):
        await going.get(f"{outside.url}/to?url={where}")
    (row,) = await going.rows()
    assert row.status == 302
    assert len(row.hops) == (1 if where.startswith(("file", "http://2130")) else 2)


async def test_a_name_that_changes_its_meaning_leads_nowhere_new(way):
    async with Outside(hosts=("127.0.0.2", "127.0.0.1")) as both:
        names = {"moving.example": [["127.0.0.2"], ["127.0.0.1"]]}
        async with way(f"127.0.0.2:{both.port}", names=names) as going:
            url = f"http://moving.example:{both.port}"
            assert (await going.get(f"{url}/text")).address == "127.0.0.2"
            # The connection breaks, and the one that repeats the request is looked at anew.
            with pytest.raises(AddressRefused, match=r"leads to 127\.0\.0\.1"):
                await going.get(f"{url}/cut")
        assert [path for path, _ in both.seen] == ["/text", "/cut"]


async def test_what_a_name_of_the_operator_leads_to_is_reached_but_for_metadata(way, outside):
    names = {"wiki.intranet": [["127.0.0.1"], ["169.254.169.254"]]}
    async with way(f"wiki.intranet:{outside.port}", names=names) as going:
        assert (await going.get(f"http://wiki.intranet:{outside.port}/status/404")).status == 404
    async with way(f"wiki.intranet:{outside.port}", names={"wiki.intranet": names["wiki.intranet"][1:]}) as going:
        with pytest.raises(AddressRefused):
            await going.get(f"http://wiki.intranet:{outside.port}/")


async def test_offline_nothing_is_reached_but_what_the_operator_names(way, outside):
    async with way(f"127.0.0.1:{outside.port}", names={"public.example": [["93.184.216.34"]]}, offline=True) as going:
        assert (await going.get(f"{outside.url}/text")).succeeded
        for url in ("http://public.example/", "http://93.184.216.34/"):
            with pytest.raises(AddressRefused, match="offline"):
                await going.get(url)


@pytest.mark.parametrize("path", ["large/5000000", "claims/99999999999", "bomb/64"])
async def test_an_answer_is_read_as_far_as_it_may_be(going, outside, path):
    with pytest.raises(TooLarge):
        await going.get(f"{outside.url}/{path}", most_bytes=2**20)


@pytest.mark.parametrize("path", ["drip", "silent"])
async def test_an_answer_that_takes_for_ever_is_left(going, outside, path):
    with pytest.raises(RemoteFailed, match="had not answered completely"):
        await going.get(f"{outside.url}/{path}", timeout_s=0.3)


@pytest.mark.parametrize("path", ["packed/gzip", "packed/br", "packed/gzip,gzip"])
async def test_packing_that_was_not_asked_for_or_is_broken_is_not_taken(going, outside, path):
    with pytest.raises(RemoteFailed):
        await going.get(f"{outside.url}/{path}")


async def test_content_that_is_not_what_it_is_said_to_be_is_not_taken(going, outside):
    with pytest.raises(UnsupportedMedia, match="says that it is application/pdf"):
        await going.get(f"{outside.url}/lie")
    (row,) = await going.rows()
    assert (row.error, row.media_type, row.found_type) == ("unsupported_media", "application/pdf", "text/html")


async def test_content_that_is_not_expected_is_not_taken(going, outside):
    assert (await going.get(f"{outside.url}/html", expect=("text/html",))).media_type == "text/html"
    with pytest.raises(UnsupportedMedia, match="expected"):
        await going.get(f"{outside.url}/html", expect=("application/json", "image/"))


async def test_redirects_for_ever_end(going, outside):
    with pytest.raises(RemoteFailed, match="redirects"):
        await going.get(f"{outside.url}/loop")
    assert outside.hits["/loop"] == 6


@pytest.mark.parametrize("name", ["Host", "Content-Length", "transfer-encoding", "Connection", "Proxy-Authorization", "Accept-Encoding"])
async def test_headers_of_the_line_are_not_the_caller_s(going, outside, name):
    with pytest.raises(Unprocessable, match=name):
        await going.get(f"{outside.url}/text", headers={name: "1"})


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-B: 2"}, {"X A": "1"}])
async def test_headers_cannot_be_smuggled(going, outside, headers):
    with pytest.raises(Unprocessable):
        await going.get(f"{outside.url}/echo", headers=headers)

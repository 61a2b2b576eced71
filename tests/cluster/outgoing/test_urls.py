"""What is taken as an address of the web, and how addresses are written down."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import AddressRefused, BadInput, Unprocessable
from cluster.outgoing.urls import Target, shown


def test_an_address_is_taken_apart_as_it_goes_over_the_line():
    assert Target.of("HTTP://Example.ORG:80/a?b=c#d") == Target("http", "example.org", 80, "/a?b=c")
    assert Target.of("https://exämple.org") == Target("https", "xn--exmple-cua.org", 443, "/")
    assert Target.of("http://[2606:4700::1111]:8080/x").url == "http://[2606:4700::1111]:8080/x"
    assert Target.of("http://127.0.0.1./").host == "127.0.0.1"


@pytest.mark.parametrize("host", "2130706433 0x7f000001 0x7f.1 0x7f.0.0.1 017700000001 127.1 127.0.1 1 0x 127.0.0.0x1".split())
def test_addresses_in_unusual_forms_are_refused(host):
    with pytest.raises(AddressRefused, match="unusual form"):
        Target.of(f"http://{host}/")


@pytest.mark.parametrize("url", ["http://user:password@example.org/", "http://example.org@127.0.0.1/", "http://[fe80::1%25eth0]/"])
def test_users_passwords_and_interfaces_are_refused(url):
    with pytest.raises(AddressRefused):
        Target.of(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "http:///x",
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "dict://127.0.0.1:11211/",
        "javascript:alert(1)",
        "http://exa mple.org/",
        "http://example.org/a b",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: evil",
        "http://a..b/",
        "http://-a.org/",
        "http://%31%32%37.0.0.1/",
        "http://0177.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://" + "a" * 64 + ".org/",
        "http://example.org/" + "a" * 5000,
    ],
)
def test_what_is_no_address_is_said_to_be_none(url):
    with pytest.raises(Unprocessable):
        Target.of(url)


@given(st.text())
def test_whatever_is_given_there_is_a_target_or_a_reason(text):
    for url in (text, f"http://{text}/", f"http://example.org/{text}"):
        with suppress(BadInput):
            target = Target.of(url)
            assert target.host
            assert target.target.isascii()
            assert not set(target.target) & set("\r\n ")
        shown(url)


def test_what_is_written_down_tells_no_secret():
    text = shown("https://example.org/a?page=2&api_key=hush&X-Amz-Signature=abc&note=geheim%2F1#frag", ["geheim/1"])
    assert text == "https://example.org/a?page=2&api_key=***&X-Amz-Signature=***&note=***"
    assert shown("http://user:hush@example.org/") == "http://example.org/"
    assert "hush" not in shown("http://user:hush@[broken/?token=hush")

"""Which addresses are public, and how an operator names others."""

from __future__ import annotations

import ipaddress

import pytest

from cluster.errors import ConfigError
from cluster.outgoing.places import Place, is_public
from cluster.settings import load_settings

PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::64"]
OTHERS = {
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::1", "fc00::1"],
    "loopback": ["127.0.0.1", "127.8.9.1", "::1"],
    "link-local, with the metadata of clouds": ["169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254"],
    "shared by a provider's customers": ["100.64.0.1", "100.100.100.200"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "nobody's": "0.0.0.0 0.1.2.3 :: 240.0.0.1 255.255.255.255 192.0.0.1 198.18.0.1 192.0.2.1 203.0.113.9 2001:db8::1".split(),
    "IPv4 within IPv6": "::ffff:127.0.0.1 ::ffff:93.184.216.34 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1::1 2001::1".split(),
    "of the past": ["fec0::1", "192.88.99.1"],
}


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", [text for texts in OTHERS.values() for text in texts])
def test_any_other_is_not(text):
    assert not is_public(ipaddress.ip_address(text))


def test_a_place_is_a_network_or_a_name_with_or_without_a_port():
    assert Place.of("10.0.0.0/8").holds(ipaddress.ip_address("10.9.9.9"))
    assert not Place.of("10.0.0.0/8").holds(ipaddress.ip_address("::ffff:10.9.9.9"))
    assert Place.of("127.0.0.1:9000").port == 9000
    assert Place.of("[fd00::/8]:443") == Place(ipaddress.ip_network("fd00::/8"), None, 443)
    assert Place.of("fd00::1").holds(ipaddress.ip_address("fd00::1"))
    assert Place.of("Wiki.Intranet").calls("wiki.intranet")
    assert not Place.of("wiki.intranet").calls("evil-wiki.intranet")
    assert Place.of("*.intranet:8443").calls("a.b.intranet")
    assert not Place.of("*.intranet").calls("intranet")


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0", "300.1.1.1", "http://a", "a b", "host:0", "host:99999", "a..b", "::1/x"])
def test_what_is_no_place_stops_the_start_and_is_named(text):
    with pytest.raises(ConfigError, match=r"outgoing\.allowed"):
        load_settings({"outgoing": {"allowed": [text]}}, env={})

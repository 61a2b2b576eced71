"""Who may be spoken to: addresses are checked after a name was resolved, and what is connected to is what was checked."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import anyio
import httpcore2
import psutil

from cluster.errors import AddressRefused, RemoteFailed
from cluster.outgoing.places import Address, Place, is_public
from cluster.settings import OutgoingSettings

HOW = "the operator may name it in outgoing.allowed"
MOST_TRIED = 4


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Raises OSError for a name that cannot be resolved."""
        ...


class SystemResolver:
    async def resolve(self, host: str, port: int) -> Sequence[str]:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Gate:
    """``offline``: nothing but what the operator named is reached."""

    def __init__(self, settings: OutgoingSettings, resolver: Resolver | None = None, *, offline: bool = False) -> None:
        self._places = [Place.of(text) for text in settings.allowed]
        self._ports = frozenset(settings.ports)
        self._resolver = resolver or SystemResolver()
        self._offline = offline

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where to connect for ``host``, all of it allowed. Raises AddressRefused, and RemoteFailed for a name that nobody knows."""
        places = [place for place in self._places if place.port == port or (place.port is None and port in self._ports)]
        named = any(place.calls(host) for place in places)
        literal = literal_of(host)
        if self._offline and not named and literal is None:
            raise AddressRefused(f"Settings say offline, so '{host}' is not asked; {HOW}, or set HEARTH_OFFLINE=false.")
        found = [literal] if literal is not None else await self._resolved(host, port)
        for address in found:
            self._check(address, host, port, places, named=named)
        return found[:MOST_TRIED]

    def _check(self, address: Address, host: str, port: int, places: Sequence[Place], *, named: bool) -> None:
        """A name that leads to one place that is refused is refused, whatever else it leads to."""
        if any(place.holds(address) for place in places) or (named and not _special(address)):
            return
        if self._offline:
            raise AddressRefused(f"Settings say offline, so {address} is not asked; {HOW}, or set HEARTH_OFFLINE=false.")
        if not is_public(address) or address in own_addresses():
            leads = "" if str(address) == host else f"'{host}' leads to {address}, which "
            raise AddressRefused(f"{leads or f'{address} '}is not a public address of another machine; {HOW}.")
        if port not in self._ports:
            raise AddressRefused(f"Port {port} is not one that may be asked (setting outgoing.ports); {HOW}.")

    async def _resolved(self, host: str, port: int) -> list[Address]:
        try:
            # Without a scope: an address with one is link-local.
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in await self._resolver.resolve(host, port)]
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise RemoteFailed(f"The name '{host}' cannot be resolved; check it, and this machine's name server.")
        return found


class GatedBackend(httpcore2.AsyncNetworkBackend):
    """Connections of httpcore, made to what the gate lets through."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lines = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._gate.addresses(host, port)
        for address in addresses[:-1]:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._lines.connect_tcp(str(address), port, timeout, local_address, socket_options)
        return await self._lines.connect_tcp(str(addresses[-1]), port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused(f"Nothing goes out through the file {path}.")

    async def sleep(self, seconds: float) -> None:
        await self._lines.sleep(seconds)


def literal_of(host: str) -> Address | None:
    """The address that ``host`` is; None for a name."""
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def own_addresses() -> set[Address]:
    """Those of this machine: what listens on them need not be meant for others."""
    found: set[Address] = set()
    for entry in (entry for entries in psutil.net_if_addrs().values() for entry in entries):
        with suppress(ValueError):
            found.add(ipaddress.ip_address(entry.address.partition("%")[0]))
    return found


def _special(address: Address) -> bool:
    """What no name stands for, not even one of the intranet: addresses of clouds' metadata are among them."""
    return address.is_link_local or address.is_multicast or address.is_unspecified

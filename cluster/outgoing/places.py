"""Places that an operator names in ``outgoing.allowed``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class Place:
    """A network or a name (``*.`` in front: all below it), and a port; None: the ports that are open for everybody."""

    network: Network | None
    name: str | None
    port: int | None

    @classmethod
    def of(cls, text: str) -> Self:
        """From ``10.0.0.0/8``, ``127.0.0.1:9000``, ``[fd00::/8]:443``, ``fd00::1``, ``wiki.intranet``, ``*.intranet:8443``. Raises
        ValueError for anything else."""
        where, port = _parted(text.strip().lower())
        try:
            return cls(ipaddress.ip_network(where), None, port)
        except ValueError:
            # What looks like an address and is none must not pass as a name.
            if NAME.fullmatch(where) is None or where.rpartition(".")[2].isdigit() or len(where) > 253:
                raise ValueError(f"'{text}' names no place; write 10.0.0.0/8, 127.0.0.1:9000, wiki.intranet or *.intranet:8443") from None
        return cls(None, where, port)

    def holds(self, address: Address) -> bool:
        return self.network is not None and address.version == self.network.version and address in self.network

    def calls(self, host: str) -> bool:
        if self.name is None:
            return False
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name


def _parted(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text) or (re.fullmatch(r"([^:]+)(?::(\d{1,5}))?", text))
    if match is None:
        return text, None
    port = int(match[2]) if match[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"'{text}' has a port that there is not; ports are 1 to 65535")
    return match[1], port


def is_public(address: Address) -> bool:
    """Whether anybody on the internet would reach the same machine at it. Of IPv6 only global unicast is; addresses that hold an IPv4 one
    (mapped, compatible, NAT64, 6to4, Teredo) are not, because where they lead is a translator's choice."""
    if isinstance(address, ipaddress.IPv4Address):
        # Relays of 6to4, and a block for benchmarks, which some releases of Python count as global.
        return address.is_global and not address.is_multicast and not any(address in network for network in ODD_V4)
    return address in GLOBAL_UNICAST and address.is_global and not any(address in network for network in ODD_V6)


ODD_V4 = tuple(
    ipaddress.IPv4Network(text) for text in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4")
)
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Teredo and its neighbours, 6to4, documentation.
ODD_V6 = tuple(ipaddress.IPv6Network(text) for text in ("2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20"))

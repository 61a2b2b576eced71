"""What is an address of the web, and how it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

import httpx2

from cluster.errors import AddressRefused, Unprocessable
from cluster.outgoing.gate import literal_of

MOST_CHARS = 4096
PORTS = {"http": 80, "https": 443}
# Of a host name as it goes to the resolver; names with underscores exist.
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff]")
TELLING = re.compile(r"key|token|secret|passw|pwd|sig|auth|credential|session|code|jwt", re.I)
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Target:
    """``target``: path and query, as they go over the line. ``host`` is lower-case ASCII, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, text: str) -> Target:
        """Raises Unprocessable for what is no http or https address, AddressRefused for one that hides where it leads."""
        if len(text) > MOST_CHARS:
            raise _wrong(text, f"has more than {MOST_CHARS} characters")
        if UNSEEN.search(text.strip(" ")):
            raise _wrong(text, "holds spaces, backslashes or characters that are not seen; write them percent-encoded")
        try:
            url = httpx2.URL(text.strip(" "))
            host = url.raw_host.decode("ascii").lower().removesuffix(".")
            target = url.raw_path.decode("ascii")
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise _wrong(text, f"is not a valid address ({error})") from None
        if url.scheme not in PORTS:
            raise _wrong(text, "is not of the kind http:// or https://")
        if url.userinfo:
            raise AddressRefused("The URL holds a user name or password; leave it out, and send a header Authorization.").about("url")
        _check_host(text, host)
        port = url.port if url.port is not None else PORTS[url.scheme]
        if not 1 <= port <= 65535:
            raise _wrong(text, "has a port that there is not; ports are 1 to 65535")
        return cls(url.scheme, host, port, target)

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The address, without a fragment."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    def joined(self, location: str) -> Target:
        """Where a redirect from here leads. Raises what :meth:`of` raises."""
        try:
            return Target.of(str(httpx2.URL(self.url).join(location)))
        except (httpx2.InvalidURL, ValueError):
            raise _wrong(location, "is where a redirect leads, and is not a valid address") from None


def shown(url: str, secrets: Iterable[str] = ()) -> str:
    """``url`` as it may be written down: without a user, without values of parameters whose names tell of secrets, and without
    ``secrets``, however they are encoded."""
    try:
        parsed = httpx2.URL(url[:MOST_CHARS])
        pairs = [(name, HIDDEN if TELLING.search(name) else value) for name, value in parsed.params.multi_items()]
        bare = parsed.copy_with(userinfo=b"", fragment=None, query=None)
        text = str(bare) + ("?" + "&".join(f"{quote(name)}={quote(value, safe='*')}" for name, value in pairs) if pairs else "")
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        text = url[:MOST_CHARS].partition("?")[0].rpartition("@")[2]
    return without(text, secrets)[:MOST_CHARS].replace("\x00", "")


def without(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret hidden, as it is and percent-encoded."""
    for secret in (secret for secret in secrets if secret):
        for form in {secret, quote(secret), quote(secret, safe="")}:
            text = text.replace(form, HIDDEN)
    return text


def _check_host(text: str, host: str) -> None:
    if literal_of(host) is not None:
        if "%" in host:
            raise AddressRefused(f"'{host}' names an interface of this machine.").about("url")
        return
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        # Resolvers take 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1.
        raise AddressRefused(f"'{host[:100]}' is an address in an unusual form; write it as four decimal numbers.").about("url")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise _wrong(text, "has no valid host name")


def _wrong(text: str, why: str) -> Unprocessable:
    return Unprocessable(f"{shown(text)[:200]!r} {why}.").about("url")

"""A request that goes out and what comes back: which headers may be sent, and what of a request a redirect takes along."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cluster.errors import AddressRefused, Unprocessable

# What another server may be told, after a redirect; anything else may hold a secret.
HARMLESS = frozenset({"accept", "accept-language", "user-agent", "if-none-match", "if-modified-since", "accept-encoding"})
OURS = frozenset(
    """host content-length transfer-encoding connection keep-alive te trailer upgrade expect accept-encoding proxy-authorization
    proxy-connection""".split()
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``secrets``: values in it that are written down nowhere. ``most_bytes`` and ``timeout_s`` None: as the settings of
    outgoing requests say; whoever asks on a person's word keeps them within those.
    ``expect``: media types, or families such as ``text/``, that the content must be of; empty: any. ``follow``: whether redirects are
    followed; else one is the answer."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    secrets: tuple[str, ...] = ()
    most_bytes: int | None = None
    timeout_s: float | None = None
    expect: tuple[str, ...] = ()
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """``id``: under which it stands in the journal. ``url``: where it ended. ``headers``: names are lower-case, values of the same name
    joined. ``media_type``: what the content is."""

    id: uuid.UUID
    url: str
    address: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    media_type: str
    ms: int

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


def redirected(ask: Ask, status: int, *, same: bool) -> Ask:
    """The request as it goes on after a redirect, to the ``same`` server or another. What is not harmless stays with the server it was for.

    Raises AddressRefused for a body that would go to another server.
    """
    headers = ask.headers if same else {name: value for name, value in ask.headers.items() if name.lower() in HARMLESS}
    if status == 303 or (status in {301, 302} and ask.method == "POST"):
        kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        return replace(ask, method="HEAD" if ask.method == "HEAD" else "GET", content=b"", headers=kept)
    if not same and ask.content:
        raise AddressRefused("It redirects a request with a body to another server; ask that one directly.")
    return replace(ask, headers=headers)


def check_headers(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.lower() in OURS:
            raise Unprocessable(f"The header '{name}' is set by Hearth itself; leave it out.").about("headers")


def read_headers(raw_headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, given in raw_headers:
        name, value = raw.decode("latin-1").lower(), given.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

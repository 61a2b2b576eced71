"""For libraries that ask through urllib3: a pool that asks through the one client instead."""

from __future__ import annotations

import io
from typing import Any

import anyio
import urllib3

from cluster.outgoing.asking import OURS, Ask
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker

# Of an answer that is unpacked already.
PACKING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class OutgoingPool(urllib3.PoolManager):
    """To be used in a thread that ``anyio.to_thread.run_sync`` began. ``secrets``: are written down nowhere. ``most_bytes`` and
    ``timeout_s``: of one answer."""

    def __init__(self, outgoing: Outgoing, asker: Asker, *, secrets: tuple[str, ...], most_bytes: int, timeout_s: float) -> None:
        super().__init__()
        self._outgoing = outgoing
        self._asker = asker
        self._secrets = secrets
        self._most_bytes = most_bytes
        self._timeout_s = timeout_s

    def urlopen(  # type: ignore[override]  # its two superclasses do not agree either
        self, method: str, url: str, redirect: bool = True, **given: Any
    ) -> urllib3.BaseHTTPResponse:
        body = given.get("body") or b""
        headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items() if str(name).lower() not in OURS}
        ask = Ask(
            url,
            method,
            headers,
            body if isinstance(body, bytes) else b"".join(body),
            self._secrets,
            self._most_bytes,
            self._timeout_s,
        )
        reply = anyio.from_thread.run(self._outgoing.send, ask, self._asker)
        response = urllib3.HTTPResponse(
            body=io.BytesIO(reply.content),
            headers={name: value for name, value in reply.headers.items() if name not in PACKING},
            status=reply.status,
            preload_content=False,
            decode_content=False,
            request_method=method,
            request_url=reply.url,
        )
        if given.get("preload_content", True):
            response.read(cache_content=True)
        return response

"""A bucket on loopback that speaks enough of S3 to be listed and read, and wants to be signed to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web

from cluster.fakes.loopback import LoopbackServer

PAGE = 2


@dataclass
class Bucket(LoopbackServer):
    """``objects``: content by key. ``access_key``: that requests must be signed with; None: anybody may
    read. ``gets``: keys that were read. Lists two keys a page."""

    objects: dict[str, bytes] = field(default_factory=dict)
    access_key: str | None = None
    gets: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{bucket}", self._list)
        app.router.add_get("/{bucket}/", self._list)
        app.router.add_get("/{bucket}/{key:.+}", self._get)
        return app

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.access_key is not None and f"Credential={self.access_key}/" not in request.headers.get("Authorization", ""):
            return _error(403, "AccessDenied")
        return None if request.match_info["bucket"] == "tides" else _error(404, "NoSuchBucket")

    async def _list(self, request: web.Request) -> web.Response:
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        shown, more = keys[:PAGE], len(keys) > PAGE
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T12:00:00.000Z</LastModified><ETag>&quot;{_tag(self.objects[key])}"
            f"&quot;</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in shown
        )
        onward = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Name>tides</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{onward}{entries}</ListBucketResult>"
        )
        return self._refusal(request) or web.Response(text=body, content_type="application/xml")

    async def _get(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        self.gets.append(key)
        content = self.objects[key]
        return web.Response(body=content, content_type="binary/octet-stream", headers={"ETag": f'"{_tag(content)}"'})


def _tag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _error(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code><Message>no</Message></Error>", content_type="application/xml")

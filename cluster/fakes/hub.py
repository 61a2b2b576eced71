"""A model hub on loopback, speaking the few routes that a pull needs: what a repository holds, and its files with byte ranges.

It can be told to misbehave: break transfers off, send other bytes than it states, or answer with an error status.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_INFO = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/revision/(?P<revision>.+)")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


@dataclass
class LocalHub:
    """Used as a context manager; ``endpoint`` is valid inside. ``repos``: content by file name by repository.

    ``lfs``: whether files are listed as large ones, with their SHA-256, or as plain ones, with git's id.
    ``break_after``: each of the next transfers ends after that many bytes. ``tampered``: sent in place of the file of that name.
    ``stated_sizes``: what the listing claims instead of a file's true size.
    ``failures``: statuses to answer the next requests with. ``asked``: every file request so far, with its Range.
    """

    repos: dict[str, dict[str, bytes]]
    lfs: bool = True
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    tampered: dict[str, bytes] = field(default_factory=dict)
    stated_sizes: dict[str, int] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def siblings(self, repo: str) -> list[dict[str, object]]:
        """The files of a repository, as the hub's API lists them."""
        return [self._sibling(name, content) for name, content in self.repos[repo].items()]

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        listed: dict[str, object] = {"rfilename": name, "size": self.stated_sizes.get(name, len(content)), "blobId": oid}
        if self.lfs:
            listed["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
        return listed


class _Handler(BaseHTTPRequestHandler):
    """One request of a client. ``hub`` is set on the subclass that the server is given."""

    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: a test's output is its own."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.hub.failures:
            self._error(HTTPStatus(self.hub.failures.pop(0)), "")
        elif info := _INFO.fullmatch(path):
            self._info(info["repo"], info["revision"])
        elif wanted := _FILE.fullmatch(path):
            self._file(wanted["repo"], wanted["name"], with_body=with_body)
        else:
            self._error(HTTPStatus.OK if path == "/" else HTTPStatus.NOT_FOUND, "")

    def _info(self, repo: str, revision: str) -> None:
        if repo not in self.hub.repos:
            self._error(HTTPStatus.NOT_FOUND, "RepoNotFound")
        elif revision not in {"main", COMMIT}:
            self._error(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        else:
            body = json.dumps({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": self.hub.siblings(repo)}).encode()
            self._send(HTTPStatus.OK, body, {"Content-Type": "application/json"})

    def _file(self, repo: str, name: str, *, with_body: bool) -> None:
        asked = self.headers.get("Range")
        self.hub.asked.append((name, asked))
        content = self.hub.tampered.get(name, self.hub.repos.get(repo, {}).get(name))
        if content is None:
            self._error(HTTPStatus.NOT_FOUND, "EntryNotFound")
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.hub.ranges else 0
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = self.hub.break_after.pop(0) if with_body and self.hub.break_after else None
        self._send(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK, content[start:], headers, with_body=with_body, cut=cut)

    def _error(self, status: HTTPStatus, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code} if code else {})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str], *, with_body: bool = True, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

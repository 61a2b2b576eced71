"""The running cluster, as commands ask it: over HTTP, with a key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cluster.errors import BadInput, ConfigError, Unavailable
from cluster.home import Home
from cluster.runtime.state import running

TIMEOUT_S = 30.0
# An upload is answered when its files are on disk.
UPLOAD_TIMEOUT_S = 600.0
# What every list gives at once.
PAGE = 200
NO_CONTENT = 204
# How often a stream of events that is cut off is asked for again, and how long after.
LOST_TRIES, LOST_WAIT_S = 20, 1.0

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", help="File with the API key to use (default: keys/admin.key below HEARTH_HOME).", show_default=False),
]

Answer = Any


class Api:
    """Raises Unavailable when nothing answers, BadInput with the API's own words."""

    def __init__(self, home: Home, key_file: Path | None, *, signed: bool = True) -> None:
        state = running(home)
        if state is None:
            raise Unavailable("Hearth is not running; start it with `hearth up` (retry in 5 s).")
        self._base = state.base_url
        self._headers = {"Authorization": f"Bearer {_read(key_file or home.admin_key)}"} if signed else {}

    @property
    def door(self) -> tuple[str, dict[str, str]]:
        """Where it is, and the headers that say who asks."""
        return self._base, self._headers

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str | int) -> Answer:
        """The data of the answer."""
        return self._answer(method, path, json=body, params=query).json()["data"]

    def text(self, path: str, **query: str | int) -> str:
        """A file that the API makes."""
        return self._answer("GET", path, params=query).text

    def pages(self, path: str, items: str = "items", **query: str | int) -> list[Answer]:
        """All pages of a list, whose rows the answer calls ``items``."""
        found: list[Answer] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.ask("GET", path, None, **query, limit=PAGE, **({"cursor": cursor} if cursor else {}))
            found, cursor = found + page[items], page["next_cursor"]
        return found

    def upload(self, path: str, files: Sequence[tuple[str, Path]]) -> Answer:
        """Files by the names they are to have. They are read while they are sent."""
        with ExitStack() as opened:
            parts = [("files", (name, opened.enter_context(file.open("rb")))) for name, file in files]
            return self._answer("POST", path, files=parts, timeout=UPLOAD_TIMEOUT_S).json()["data"]

    def put(self, path: str, file: Path) -> Answer:
        """One file as the body. It is read while it is sent."""
        with file.open("rb") as content:
            return self._answer("PUT", path, content=content, timeout=UPLOAD_TIMEOUT_S).json()["data"]

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """Server-sent events to their end; a connection that is lost is made again behind the last one that came."""
        last, lost = "0", 0
        while True:
            try:
                shown = {**self._headers, "Last-Event-ID": last}
                with httpx.stream("GET", f"{self._base}/api/v1/{path}", headers=shown, timeout=TIMEOUT_S) as got:
                    if got.status_code == NO_CONTENT:
                        return
                    if not got.is_success:
                        raise BadInput(str(json.loads(got.read())["error"]["message"]))
                    for line in got.iter_lines():
                        lost = 0
                        if line.startswith("id: "):
                            last = line.removeprefix("id: ")
                        elif line.startswith("data: "):
                            yield json.loads(line.removeprefix("data: "))
            except (httpx.HTTPError, ValueError):
                lost += 1
                if lost > LOST_TRIES:
                    raise Unavailable("The API does not answer; `hearth status` shows how it stands (retry in 5 s).") from None
                time.sleep(LOST_WAIT_S)

    def users(self) -> list[dict[str, Any]]:
        return self.pages("users", "users")

    def user_id(self, email: str) -> str:
        for user in self.users():
            if user["email"] == email.lower():
                return str(user["id"])
        raise BadInput(f"There is no user '{email}'; `hearth user list` shows all.")

    def _answer(self, method: str, path: str, **told: Any) -> httpx.Response:
        given: Mapping[str, Any] = {"timeout": TIMEOUT_S, **told}
        try:
            answer = httpx.request(method, f"{self._base}/api/v1/{path}", headers=self._headers, **given)
            mistake = None if answer.is_success else answer.json()["error"]["message"]
        except (httpx.HTTPError, ValueError):
            raise Unavailable("The API does not answer; `hearth status` shows how it stands (retry in 5 s).") from None
        if mistake is not None:
            raise BadInput(str(mistake))
        return answer


def _read(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise ConfigError(f"{file}: no API key can be read there; name the file of yours with --key-file.") from None

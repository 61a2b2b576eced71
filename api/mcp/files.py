"""Files of the asking person's own workspace, as resources: what tools wrote there, and what they may read."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import quote, unquote

from anyio import to_thread
from mcp_types import Completion, Resource, ResourceTemplate

from api.mcp.content import Contents, contents_of
from api.mcp.shelf import NOTHING
from api.web.principal import Principal
from cluster.content.media import UNKNOWN
from cluster.tools.paths import user_workspace
from cluster.tools.workspace import FileEntry, Workspace
from cluster.tools.workspaces import Workspaces

START = "hearth://files/"
URI = re.compile(r"hearth://files/([^?#]{1,4096})")
TEMPLATE = ResourceTemplate(
    name="file",
    title="A file of your workspace",
    uri_template="hearth://files/{+path}",
    description="A file that tools work with, as text or as bytes.",
)


class FileShelf:
    """A Shelf: by path."""

    name = "files"
    templates = (TEMPLATE,)

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    def holds(self, uri: str) -> bool:
        return URI.fullmatch(uri) is not None

    async def page(self, who: Principal, after: str | None, most: int) -> Sequence[tuple[str, Resource]]:
        behind = [entry for entry in await self._files(who) if after is None or entry.path > after]
        return [(entry.path, _listed(entry)) for entry in behind[:most]]

    async def read(self, who: Principal, uri: str) -> Contents:
        found = URI.fullmatch(uri)
        assert found is not None
        path = unquote(found[1])
        return contents_of(uri, _media(path), await to_thread.run_sync(self._of(who).read, path))

    async def complete(self, who: Principal, template: str, argument: str, begun: str) -> Completion:
        if argument != "path":
            return NOTHING
        paths = [entry.path for entry in await self._files(who) if entry.path.startswith(begun)]
        return Completion(values=paths[:100], total=len(paths), has_more=len(paths) > 100)

    async def _files(self, who: Principal) -> list[FileEntry]:
        entries = await to_thread.run_sync(partial(self._of(who).entries, deep=True))
        return sorted((entry for entry in entries if not entry.folder), key=lambda entry: entry.path)

    def _of(self, who: Principal) -> Workspace:
        return self._workspaces.of(who.organisation_id, user_workspace(who.user_id))


def _listed(entry: FileEntry) -> Resource:
    return Resource(name=entry.path, uri=START + quote(entry.path), mime_type=_media(entry.path), size=entry.bytes)


def _media(path: str) -> str:
    return mimetypes.guess_type(path)[0] or ("text/plain" if "." not in path.rpartition("/")[2] else UNKNOWN)

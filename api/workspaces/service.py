"""Files of workspaces, for one person."""

from __future__ import annotations

from functools import partial

from anyio import to_thread

from api.tools.install import ToolDesk
from api.web.deps import Parts
from api.web.principal import Principal
from api.workspaces.access import permit_workspace
from api.workspaces.schemas import FileAnswer, FileList, FileRemoved, FilesQuery, FileWritten
from cluster.errors import NotFound
from cluster.tools.workspace import Workspace


class WorkspaceService:
    def __init__(self, parts: Parts, desk: ToolDesk, who: Principal) -> None:
        self._parts = parts
        self._workspaces = desk.workspaces
        self._who = who

    async def page(self, name: str, asked: FilesQuery) -> FileList:
        """By path, folders before what is in them."""
        space = await self._space(name, writing=False)
        if not await to_thread.run_sync(space.exists):
            raise NotFound("There is no such workspace: nothing was written to it yet.")
        found = await to_thread.run_sync(partial(space.entries, asked.path, deep=asked.deep))
        behind = [entry for entry in found if asked.after is None or entry.path.split("/") > asked.after.split("/")]
        shown = behind[: asked.limit]
        more = len(behind) > asked.limit
        return FileList(files=[FileAnswer.of(entry) for entry in shown], next_after=shown[-1].path if more else None)

    async def read(self, name: str, path: str) -> bytes:
        return await to_thread.run_sync((await self._space(name, writing=False)).read, path)

    async def write(self, name: str, path: str, content: bytes) -> FileWritten:
        space = await self._space(name, writing=True)
        return FileWritten.model_validate(await to_thread.run_sync(space.write, path, content))

    async def remove(self, name: str, path: str, *, deep: bool) -> FileRemoved:
        space = await self._space(name, writing=True)
        return FileRemoved.model_validate(await to_thread.run_sync(partial(space.delete, path, deep=deep)))

    async def _space(self, name: str, *, writing: bool) -> Workspace:
        await permit_workspace(self._parts, self._who, name, writing=writing)
        return self._workspaces.of(self._who.organisation_id, name)

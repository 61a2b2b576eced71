"""Folders of this machine that the operator named in ``connectors.folders``."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from anyio import to_thread
from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, Suffix, Surroundings, of_suffix, path_of, refused
from cluster.errors import NotFound, TooLarge

AT_ONCE = 200


class FolderOptions(Options):
    folder: str = Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$", description="One of connectors.folders, or a folder in one.")
    suffixes: list[Suffix] = Field([], max_length=100, description="Only files that end so, as `.pdf`; empty: all.")


class Folder:
    def __init__(self, options: FolderOptions, around: Surroundings) -> None:
        self._root = allowed(options.folder, around.settings.connectors.folders)
        self._suffixes = options.suffixes
        self._most = int(around.settings.connectors.item_bytes)

    async def discover(self) -> AsyncGenerator[Item]:
        """Sorted by path. Links are not followed: they may lead anywhere."""
        walking = self._walk()
        while some := await to_thread.run_sync(lambda: list(islice(walking, AT_ONCE))):
            for item in some:
                yield item

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        return await to_thread.run_sync(self._read, item_id, mark)

    async def close(self) -> None:
        """Nothing stays open."""

    def _walk(self) -> Iterator[Item]:
        for folder, folders, files in os.walk(self._root):
            folders.sort()
            for name in sorted(files):
                path = Path(folder, name)
                relative = path.relative_to(self._root).as_posix()
                try:
                    found = path.lstat()
                except OSError:
                    continue  # gone since the folder was read
                if stat.S_ISREG(found.st_mode) and of_suffix(relative, self._suffixes):
                    yield _item(relative, found, self._root.name)

    def _read(self, relative: str, mark: str | None) -> Fetched | None:
        descriptor = _opened(self._root, relative)
        with os.fdopen(descriptor, "rb") as file:
            now = _mark(os.fstat(descriptor))
            if mark == now:
                return None
            content = file.read(self._most + 1)
        if len(content) > self._most:
            raise TooLarge(f"'{relative[:200]}' is larger than {self._most} bytes (setting connectors.item_bytes).")
        return Fetched(content, mimetypes.guess_type(relative)[0] or "application/octet-stream", now)


def allowed(folder: str, folders: tuple[Path, ...]) -> Path:
    """The folder, with all links resolved. Raises Unprocessable unless it is one of ``folders`` or in one. It is not told whether others
    exist."""
    wanted = Path(folder)
    roots = [root.expanduser().resolve() for root in folders]
    try:
        found = wanted.resolve() if wanted.is_absolute() else None
    except (OSError, RuntimeError):
        found = None
    if found is None or not any(found.is_relative_to(root) for root in roots) or not found.is_dir():
        raise refused("folder", "This is no folder that documents may be brought in from; the operator names some in connectors.folders.")
    return found


def _opened(root: Path, relative: str) -> int:
    """An ordinary file below ``root``, each step without a link: nothing leads out, whatever is exchanged meanwhile."""
    parts = relative.split("/")
    if not relative or any(part in {"", ".", ".."} or "\x00" in part for part in parts):
        raise NotFound(f"There is no '{relative[:200]!r}' in the folder.")
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise NotFound("The folder is no longer there.") from None
    try:
        for number, part in enumerate(parts):
            how = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_DIRECTORY if number < len(parts) - 1 else os.O_NONBLOCK)
            inner = os.open(part, how, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
    except OSError:
        os.close(descriptor)
        raise NotFound(f"There is no file '{relative[:200]}' in the folder that can be read.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotFound(f"'{relative[:200]}' is not an ordinary file.")
    return descriptor


def _mark(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}:{found.st_size}"


def _item(relative: str, found: os.stat_result, root: str) -> Item:
    changed = datetime.fromtimestamp(found.st_mtime, UTC)
    return Item(relative, path_of(root, relative), Path(relative).name, _mark(found), found.st_size, updated_at=changed)


KIND = Kind("folder", "A folder of this machine that the operator allows.", FolderOptions, Folder)

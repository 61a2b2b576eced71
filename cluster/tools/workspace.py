"""Workspaces: folders of files, one for each run, conversation or person, which tools of files see and nothing else.

    HEARTH_HOME/workspaces/<organisation>/<name>/files   what people and tools see
                                                /part    changes on their way
                                                /done    changes that were made, by their key (see journal.py)
                                                /lock    held by whoever changes something

Files are whole at any time: each change is written beside and then renamed. Everything blocks; call it in a thread."""

from __future__ import annotations

import fnmatch
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, Conflict, NotFound, TooLarge
from cluster.settings import ToolSettings
from cluster.tools.folders import Disk, Found, below, closing, look, missing, names_in, open_file, read_all, remove_tree, told, walked
from cluster.tools.journal import Entry, Journal, digest_of, mark_of
from cluster.tools.paths import folder_parts, parts_of
from cluster.tools.places import Place

T = TypeVar("T")
GONE = ".gone-"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """``bytes``: 0 for a folder."""

    path: str
    folder: bool
    bytes: int
    changed_at: datetime

    @classmethod
    def of(cls, found: Found) -> FileEntry:
        size = 0 if found.is_folder else found.status.st_size
        return cls("/".join(found.parts), found.is_folder, size, datetime.fromtimestamp(found.status.st_mtime, UTC))


class Workspace:
    """One of them. ``key`` of a change: with the same key again it is not made again, and its first answer is given. Errors are those of
    cluster.errors; Unavailable where the disk is full."""

    def __init__(self, place: Place, settings: ToolSettings, disk: Disk) -> None:
        self._place = place
        self._settings = settings
        self._disk = disk

    def read(self, path: str) -> bytes:
        """Raises NotFound, Conflict for a folder, TooLarge for more than ``tools.file_bytes``."""
        parts, most = parts_of(path), int(self._settings.file_bytes)

        def read(files: int) -> bytes:
            with walked(files, parts[:-1]) as folder, closing(open_file(folder, parts)) as descriptor:
                content = read_all(descriptor, most)
            if len(content) > most:
                raise TooLarge(f"'{path[:200]}' has more than {most} bytes (setting tools.file_bytes).").about("path")
            return content

        return self._reading(read, parts)

    def exists(self) -> bool:
        """Whether something was ever written to it."""
        with self._files() as files:
            return files is not None

    def entries(self, path: str = "", *, deep: bool = False) -> list[FileEntry]:
        """What is in a folder, and, ``deep``, in those below it; nothing in a workspace that nobody wrote to."""
        parts = folder_parts(path)

        def listed(files: int) -> list[FileEntry]:
            with walked(files, parts) as folder:
                return [FileEntry.of(each) for each in below(folder, parts) if deep or len(each.parts) == len(parts) + 1]

        return self._reading(listed, parts, [])

    def search(self, text: str, *, path: str = "", names: str = "*", most: int = 100) -> list[tuple[str, int, str]]:
        """Path, number and text of lines that hold ``text``, whatever its case, in files whose path or name is like ``names``."""
        parts, wanted = folder_parts(path), text.casefold()

        def found(files: int) -> list[tuple[str, int, str]]:
            hits: list[tuple[str, int, str]] = []
            with walked(files, parts) as folder:
                for each in below(folder):
                    if not each.is_folder and _is_like(each, names) and len(hits) < most:
                        hits += _lines(folder, each, parts, wanted, most - len(hits), int(self._settings.file_bytes))
            return hits

        return self._reading(found, parts, [])

    def write(self, path: str, data: bytes, key: str | None = None, *, replace: bool = True) -> JsonObject:
        """Raises Conflict for a folder, and, without ``replace``, for a file that is there; TooLarge over a limit of ``tools``."""
        parts = parts_of(path)
        digest = digest_of(f"write {replace}", parts, data)

        def content(files: int) -> bytes:
            if not replace and self._status(files, parts) is not None:
                raise Conflict(f"There is '{path[:200]}' already; choose another path, or ask for it to be replaced.").about("path")
            return data

        return self._changing(parts, content, digest, key)

    def append(self, path: str, data: bytes, key: str | None = None) -> JsonObject:
        """At the end of a file, which is made where there is none: all of it, or nothing."""
        parts = parts_of(path)
        return self._changing(parts, lambda files: self._present(files, parts) + data, digest_of("append", parts, data), key)

    def delete(self, path: str, key: str | None = None, *, deep: bool = False) -> JsonObject:
        """A file, or an empty folder; with ``deep`` one with all that is in it. Raises NotFound, Conflict for a folder that is not
        empty."""
        parts = parts_of(path)
        digest = digest_of(f"delete {deep}", parts)
        with self._changes() as (files, journal):
            name, status = journal.name(key), self._status(files, parts)
            known = journal.recall(name, digest)
            if known is not None:
                if status is not None and mark_of(status) == known.mark:
                    journal.take_away(name, parts)  # its process died between saying and doing it
                return known.result
            if status is None:
                with walked(files, parts[:-1]) as folder:
                    raise missing(folder, parts)
            result: JsonObject = {"path": "/".join(parts), "deleted": True}
            if stat.S_ISDIR(status.st_mode) and not deep:
                with walked(files, parts) as folder:
                    if names_in(folder):
                        raise Conflict(f"The folder '{path[:200]}' is not empty; ask for all that is in it to be deleted.").about("path")
            if key:
                journal.commit(name, Entry("delete", digest, parts, result, mark_of(status)))
            journal.take_away(name, parts)
            return result

    def remove(self, before: float | None = None) -> bool:
        """All of it; with ``before`` only if it was not written to since then. Whether it was there."""
        with self._place.organisation(make=False) as folder:
            if folder is None or look(folder, self._place.name) is None:
                return False
            with self._place.locked(folder) as base:
                if before is not None and os.fstat(base).st_mtime >= before:
                    return False
                name = f"{GONE}{uuid.uuid4().hex}"
                os.rename(self._place.name, name, src_dir_fd=folder, dst_dir_fd=folder)
            remove_tree(folder, name)
            return True

    def _reading(self, work: Callable[[int], T], parts: tuple[str, ...], nothing: T | None = None) -> T:
        """Does ``work`` with the folder of files; where there is none, nothing is there."""
        with self._files() as files:
            if files is not None:
                return work(files)
        if nothing is not None and not parts:
            return nothing
        raise NotFound(f"There is no '{'/'.join(parts)[:200]}': nothing was written to the workspace yet.").about("path")

    @contextmanager
    def _files(self) -> Iterator[int | None]:
        with ExitStack() as stack:
            organisation = stack.enter_context(self._place.organisation(make=False))
            files: int | None = None
            if organisation is not None:
                with suppress(NotFound):
                    files = stack.enter_context(walked(organisation, (self._place.name, "files")))
            yield files

    def _changing(self, parts: tuple[str, ...], content: Callable[[int], bytes], digest: str, key: str | None) -> JsonObject:
        with self._changes() as (files, journal):
            name = journal.name(key)
            known = journal.recall(name, digest)
            if known is not None:
                return known.result
            data = content(files)
            self._check_room(files, parts, len(data))
            result: JsonObject = {"path": "/".join(parts), "bytes": len(data)}
            try:
                journal.prepare(name, data)
                if key:
                    journal.commit(name, Entry("write", digest, parts, result))
                journal.place(name, parts)
            except BaseException:
                # Where even this fails, the next one to hold the lock does it.
                with suppress(OSError):
                    journal.forget(name)
                raise
            return result

    @contextmanager
    def _changes(self) -> Iterator[tuple[int, Journal]]:
        """The folder of files and the journal, with nobody else at it."""
        try:
            with self._place.organisation(make=True) as organisation, ExitStack() as stack:
                assert organisation is not None
                base = stack.enter_context(self._place.locked(organisation))
                part, done, files = (stack.enter_context(walked(base, (name,), make=True)) for name in ("part", "done", "files"))
                journal = Journal(part, done, files, self._disk)
                journal.recover()
                yield files, journal
                os.utime(base)
        except OSError as error:
            raise told(error) from None

    def _status(self, files: int, parts: tuple[str, ...]) -> os.stat_result | None:
        try:
            with walked(files, parts[:-1]) as folder:
                return look(folder, parts[-1])
        except NotFound:
            return None

    def _present(self, files: int, parts: tuple[str, ...]) -> bytes:
        if self._status(files, parts) is None:
            return b""
        with walked(files, parts[:-1]) as folder, closing(open_file(folder, parts)) as descriptor:
            return read_all(descriptor, int(self._settings.file_bytes))

    def _check_room(self, files: int, parts: tuple[str, ...], size: int) -> None:
        limits, shown = self._settings, "/".join(parts)[:200]
        if size > limits.file_bytes:
            raise TooLarge(f"'{shown}' would have {size} bytes, at most {int(limits.file_bytes)} are taken (setting tools.file_bytes).")
        there = {each.parts: each for each in below(files)}
        old = there.get(parts)
        if old is not None and old.is_folder:
            raise Conflict(f"'{shown}' is a folder; choose another path.").about("path")
        new = sum(parts[: length + 1] not in there for length in range(len(parts)))
        if len(there) + new > limits.workspace_files:
            raise TooLarge(
                f"The workspace would have more than {limits.workspace_files} files and folders (setting tools.workspace_files)."
            )
        total = sum(each.status.st_size for each in there.values() if not each.is_folder) - (old.status.st_size if old else 0)
        if total + size > limits.workspace_bytes:
            most = int(limits.workspace_bytes)
            raise TooLarge(f"The workspace would have {total + size} bytes, at most {most} are taken (setting tools.workspace_bytes).")
        if self._status(files, parts) is not None and old is None:
            raise BadInput(f"'{shown}' is a link or a device; choose another path.").about("path")


def _lines(folder: int, each: Found, parts: tuple[str, ...], wanted: str, most: int, most_bytes: int) -> list[tuple[str, int, str]]:
    """Those of one file; none of one that is no text, or gone, or no file of its own."""
    try:
        with walked(folder, each.parts[:-1]) as inner, closing(open_file(inner, each.parts)) as descriptor:
            text = read_all(descriptor, most_bytes).decode()
    except (UnicodeDecodeError, NotFound, BadInput, Conflict):
        return []
    shown = "/".join((*parts, *each.parts))
    hits = ((shown, number, line.strip()[:400]) for number, line in enumerate(text.splitlines(), 1) if wanted in line.casefold())
    return [hit for hit, _ in zip(hits, range(most), strict=False)]


def _is_like(each: Found, names: str) -> bool:
    return fnmatch.fnmatchcase(each.parts[-1], names) or fnmatch.fnmatchcase("/".join(each.parts), names)

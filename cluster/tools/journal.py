"""What was done already in a workspace, so that it is done once: however often it is asked for, and whatever process died meanwhile.

A change is prepared in the folder ``part``, under a name made of its key. Then that key is written to the folder ``done``, and from then
on the change counts as made; only after that does it get its place, by renaming. Whoever holds the lock next finds in ``part`` what a
dead process left: with an entry in ``done`` it gets its place now, without one it is thrown away."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict, HearthError
from cluster.tools.folders import NEW_FILE, Disk, closing, look, names_in, open_file, read_all, remove_tree, walked

log = structlog.get_logger(__name__)

Change = Literal["write", "delete"]
ENTRY_BYTES = 64 * 2**10
DRAFT = ".entry"


@dataclass(frozen=True, slots=True)
class Entry:
    """``digest``: of what was asked for. ``parts``: the path it was about. ``mark``: what a deleted file was known by. ``result``: what
    whoever asked was told."""

    change: Change
    digest: str
    parts: tuple[str, ...]
    result: JsonObject
    mark: str = ""


def digest_of(what: str, path: Sequence[str], content: bytes = b"") -> str:
    told = json.dumps([what, list(path)]).encode()
    return hashlib.sha256(len(told).to_bytes(4, "big") + told + content).hexdigest()


class Journal:
    """Of the workspace ``base``, whose lock is held. Folders are descriptors, which stay the caller's."""

    def __init__(self, part: int, done: int, files: int, disk: Disk) -> None:
        self._part = part
        self._done = done
        self._files = files
        self._disk = disk

    def name(self, key: str | None) -> str:
        """Under which a change is prepared; without a key it is one that nobody asks for again."""
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() if key else f"once-{uuid.uuid4().hex}"

    def recall(self, name: str, digest: str) -> Entry | None:
        """What was done under the name. Raises Conflict where that was something else."""
        entry = self._read(name)
        if entry is not None and entry.digest != digest:
            raise Conflict("Another change of the workspace was made under the same key; a key stands for one call and its repetitions.")
        return entry

    def prepare(self, name: str, data: bytes) -> None:
        """The content, on disk in ``part``."""
        remove_tree(self._part, name)
        with closing(os.open(name, NEW_FILE, 0o600, dir_fd=self._part)) as descriptor:
            self._disk.write(descriptor, data)
            self._disk.sync(descriptor)

    def commit(self, name: str, entry: Entry) -> None:
        """From now on it is done."""
        told = {"change": entry.change, "digest": entry.digest, "parts": entry.parts, "result": entry.result, "mark": entry.mark}
        self.prepare(name + DRAFT, json.dumps(told).encode())
        self._disk.rename(name + DRAFT, name, self._part, self._done)
        self._disk.sync(self._done)

    def place(self, name: str, parts: Sequence[str]) -> None:
        """What was prepared gets its place; folders on the way are made."""
        with walked(self._files, parts[:-1], make=True) as folder:
            self._disk.rename(name, parts[-1], self._part, folder)
            self._disk.sync(folder)

    def take_away(self, name: str, parts: Sequence[str]) -> None:
        """A file or folder: gone at once, its content removed after that."""
        with walked(self._files, parts[:-1]) as folder:
            self._disk.rename(parts[-1], name, folder, self._part)
            self._disk.sync(folder)
        remove_tree(self._part, name)

    def forget(self, name: str) -> None:
        """Of a change that has no place yet: whatever is known of it, and then what is left of it."""
        remove_tree(self._part, name + DRAFT)
        if look(self._part, name) is not None:
            remove_tree(self._done, name)
            remove_tree(self._part, name)

    def recover(self) -> None:
        """Ends what a dead process began."""
        for name in names_in(self._part):
            entry = self._read(name)
            if entry is None or entry.change == "delete":
                remove_tree(self._part, name)
                continue
            try:
                self.place(name, entry.parts)
            except (HearthError, OSError) as error:
                log.warning("a change of a workspace that was broken off has no place any more", path=entry.parts, error=str(error))
                self.forget(name)

    def _read(self, name: str) -> Entry | None:
        if look(self._done, name) is None:
            return None
        with closing(open_file(self._done, (name,))) as descriptor:
            told: dict[str, Any] = json.loads(read_all(descriptor, ENTRY_BYTES))
        return Entry(told["change"], told["digest"], tuple(told["parts"]), told["result"], told["mark"])


def mark_of(status: os.stat_result) -> str:
    """What a file is known by as long as it is the same."""
    return f"{status.st_ino}.{status.st_mtime_ns}"

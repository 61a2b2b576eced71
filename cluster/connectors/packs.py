"""Packs of Git, taken apart. Runs in an isolated process: whoever made a pack decides how large its inside is."""

from __future__ import annotations

import io
import stat
import zlib
from dataclasses import dataclass

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, WrongObjectException
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree

from cluster.errors import TooLarge, Unprocessable

DEPTH = 200
BROKEN = (
    zlib.error,
    KeyError,
    ValueError,
    AssertionError,
    EOFError,
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    WrongObjectException,
)


@dataclass(frozen=True, slots=True)
class PackedFile:
    """``content`` None: for ``problem`` it is left out."""

    path: str
    sha: str
    size: int
    content: bytes | None
    problem: str | None = None


def files_of(pack: bytes, head: bytes, most_bytes: int, file_bytes: int, most_files: int) -> list[PackedFile]:
    """The files of the commit ``head``. Links and submodules are none. Raises Unprocessable for a pack that is broken, TooLarge for
    more than ``most_bytes`` in all."""
    store = MemoryObjectStore()
    try:
        store.add_thin_pack(io.BytesIO(pack).read, None)
        found: ShaFile = store[ObjectID(head)]
        while isinstance(found, Tag):
            found = store[found.object[1]]
        if not isinstance(found, Commit):
            raise Unprocessable("The branch does not lead to a commit.")
        return _Walk(store, most_bytes, file_bytes, most_files).files(found.tree, "", 0)
    except BROKEN as error:
        raise Unprocessable(f"The repository's pack is broken ({type(error).__name__}).") from None


@dataclass(slots=True)
class _Walk:
    store: MemoryObjectStore
    most_bytes: int
    file_bytes: int
    most_files: int
    total: int = 0
    count: int = 0

    def files(self, tree: ObjectID, above: str, depth: int) -> list[PackedFile]:
        if depth > DEPTH:
            raise Unprocessable(f"The repository has folders more than {DEPTH} deep.")
        found: list[PackedFile] = []
        node = self.store[tree]
        if not isinstance(node, Tree):
            raise Unprocessable("A folder of the repository is none.")
        for entry in node.iteritems():
            name = entry.path.decode("utf-8", "replace")
            path = f"{above}{name}"
            if stat.S_ISDIR(entry.mode):
                found += self.files(entry.sha, f"{path}/", depth + 1)
            elif stat.S_ISREG(entry.mode):
                found.append(self._file(path, entry.sha))
        return found

    def _file(self, path: str, sha: ObjectID) -> PackedFile:
        blob = self.store[sha]
        if not isinstance(blob, Blob):
            raise Unprocessable("A file of the repository is none.")
        content = blob.as_raw_string()
        self.count += 1
        self.total += len(content)
        if self.total > self.most_bytes or self.count > self.most_files:
            raise TooLarge(
                f"The repository has more than {self.most_bytes} bytes or {self.most_files} files (settings connectors.transfer_bytes, "
                "connectors.items)."
            )
        if len(content) > self.file_bytes:
            return PackedFile(path, sha.decode(), len(content), None, f"It is larger than {self.file_bytes} bytes (connectors.item_bytes).")
        return PackedFile(path, sha.decode(), len(content), content)

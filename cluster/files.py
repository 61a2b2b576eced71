"""Bytes that people gave: files below HEARTH_HOME/files, one folder for each organisation.

A file is written beside its name, synced, and then renamed, so that it is whole or not there. It is written before the row that names it is
committed, and removed after that row is gone: a crash leaves a file without a row, which ``leftovers`` finds, never a row without its file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cluster.errors import NotFound

PIECE = 2**20
HALF_WRITTEN = ".part"


@dataclass(frozen=True, slots=True)
class Stored:
    """``sha256`` in hexadecimal."""

    id: uuid.UUID
    bytes: int
    sha256: str


class FileStore:
    """Blocking; call it in a thread. Names are made of ids only: nothing that a person wrote reaches the file system."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, organisation_id: uuid.UUID, file_id: uuid.UUID) -> Path:
        """Where its bytes are, or would be."""
        return self._root / str(organisation_id) / file_id.hex[:2] / str(file_id)

    def write(self, organisation_id: uuid.UUID, source: BinaryIO) -> Stored:
        """What is left to read of ``source``, on disk when this returns. Raises OSError (a full disk); then nothing stays."""
        file_id = uuid.uuid4()
        path = self.path(organisation_id, file_id)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(path.name + HALF_WRITTEN)
        try:
            with open(part, "xb", opener=_private) as target:  # Path.open takes no opener
                digest, size = _copied(source, target)
                os.fsync(target.fileno())
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return Stored(file_id, size, digest)

    def open(self, organisation_id: uuid.UUID, file_id: uuid.UUID) -> BinaryIO:
        """Raises NotFound for a file that is not there."""
        try:
            return self.path(organisation_id, file_id).open("rb")
        except FileNotFoundError:
            raise NotFound("The file is no longer there.") from None

    def remove(self, organisation_id: uuid.UUID, file_id: uuid.UUID) -> None:
        """A second call finds nothing to do."""
        self.path(organisation_id, file_id).unlink(missing_ok=True)

    def remove_all(self, organisation_id: uuid.UUID) -> None:
        shutil.rmtree(self._root / str(organisation_id), ignore_errors=True)

    def leftovers(self, older_s: float) -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
        """Organisation and id of files that were written more than ``older_s`` seconds ago: whoever knows the rows removes those that none
        names. What was left half written that long ago is removed here."""
        before = time.time() - older_s
        for path in self._root.glob("*/??/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > before:
                    continue
                if path.name.endswith(HALF_WRITTEN):
                    path.unlink()
                    continue
            with suppress(ValueError):
                yield uuid.UUID(path.parent.parent.name), uuid.UUID(path.name)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _copied(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        digest.update(piece)
        target.write(piece)
        size += len(piece)
    return digest.hexdigest(), size

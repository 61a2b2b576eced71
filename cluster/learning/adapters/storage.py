"""Folders of adapters: ``HEARTH_HOME/adapters/<organisation>/<sha256>``, whole or not there, and one for equal content."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

from cluster.errors import TooLarge
from cluster.home import Home
from cluster.learning.adapters.peft_folder import FILES, WEIGHTS
from cluster.learning.placing import place

PIECE = 2**20
HALF_WRITTEN = ".part"


class AdapterFolders:
    """Blocking; call it in a thread. Names are made of ids and digests: nothing that a person wrote reaches the file system."""

    def __init__(self, home: Home) -> None:
        self._root = home.adapters

    def path(self, organisation_id: uuid.UUID, sha256: str) -> Path:
        return self._root / str(organisation_id) / sha256

    def keep(self, organisation_id: uuid.UUID, folder: Path, most_bytes: int) -> tuple[str, int]:
        """Copies what an adapter needs of ``folder``; its digest and bytes. Raises TooLarge, and OSError (a full disk); then nothing
        stays."""
        size = (folder / WEIGHTS).stat().st_size
        if size > most_bytes:
            raise TooLarge(f"The adapter has {size} bytes, at most {most_bytes} are taken (setting adapters.bytes); train a lower rank.")
        ours = self._root / str(organisation_id)
        ours.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = ours / f"{uuid.uuid4()}{HALF_WRITTEN}"
        part.mkdir(mode=0o700)
        try:
            digest, copied = hashlib.sha256(), 0
            for name in FILES:
                copied += _copy(folder / name, part / name, digest)
            sha256 = digest.hexdigest()
            self._settle(part, ours / sha256)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return sha256, copied

    def remove(self, organisation_id: uuid.UUID, sha256: str) -> None:
        """With what replicas made of it. A second call finds nothing to do."""
        path = self.path(organisation_id, sha256)
        shutil.rmtree(path, ignore_errors=True)
        for made in path.parent.glob(f"{sha256}.*"):
            made.unlink(missing_ok=True)

    def leftovers(self, older_s: float) -> list[tuple[uuid.UUID, str]]:
        """Organisation and digest of folders that were written more than ``older_s`` seconds ago: whoever knows the rows removes those that
        none names. What was left half written that long ago is removed here."""
        before, found = time.time() - older_s, list[tuple[uuid.UUID, str]]()
        for path in self._root.glob("*/*"):
            with suppress(FileNotFoundError, ValueError):
                if not path.is_dir() or path.stat().st_mtime > before:
                    continue
                if path.name.endswith(HALF_WRITTEN):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    found.append((uuid.UUID(path.parent.name), path.name))
        return found

    def _settle(self, part: Path, target: Path) -> None:
        try:
            place(part, target, self._root)
        except OSError:
            if not target.is_dir():
                raise
        # Of now, also where the same content is there already: it is about to be named by a row.
        os.utime(target)


def _copy(source: Path, target: Path, digest: hashlib._Hash) -> int:
    size = 0
    with source.open("rb") as read, target.open("xb") as write:
        digest.update(f"{source.name}\n{os.fstat(read.fileno()).st_size}\n".encode())
        while piece := read.read(PIECE):
            digest.update(piece)
            write.write(piece)
            size += len(piece)
    return size

"""Reading a backup: every name, size and checksum is proven before anything of it counts. What it holds is written to an empty folder."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel

from cluster.backup.archive import (
    ABOUT,
    CACHE,
    CHECKSUMS,
    DATABASE,
    FORMAT,
    LONGEST_DESCRIPTION,
    About,
    Checksum,
    Checksums,
    Measured,
    Progress,
    silent,
)
from cluster.backup.parts import admits
from cluster.backup.sealed import Unsealed, is_sealed
from cluster.errors import BadInput, ConfigError, TooLarge
from cluster.settings import BackupSettings

# The only names beside those of the parts; they never reach the home.
STORES = (DATABASE, CACHE)
DAMAGED = "The backup is damaged or cut off; nothing was restored."
BLOCK = 2**20

Shape = TypeVar("Shape", bound=BaseModel)


@contextmanager
def unpacked(file: Path, passphrase: str | None, limits: BackupSettings, progress: Progress = silent) -> Iterator[Reader]:
    """The members of ``file``. Raises BadInput (one clear line) for whatever is not a whole backup of a format we read, TooLarge beyond
    the limits, and ConfigError when a passphrase is missing."""
    try:
        with _opened(file) as raw, gzip.GzipFile(fileobj=_plain(raw, file, passphrase)) as stream:
            total = os.fstat(raw.fileno()).st_size
            with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|") as tar:
                yield Reader(tar, stream, limits, lambda: progress(file.name, raw.tell(), total))
    except (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, ValueError):
        raise BadInput(f"{file} is not a whole backup: it is damaged, cut off, or something else; nothing was restored.") from None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}); name a backup.") from None


def _plain(raw: BinaryIO, file: Path, passphrase: str | None) -> BinaryIO:
    sealed = is_sealed(raw)
    if sealed and passphrase is None:
        raise ConfigError(f"{file} is sealed; give the passphrase that it was made with: --passphrase-file FILE.")
    if not sealed and passphrase is not None:
        raise ConfigError(f"{file} is not sealed with a passphrase (or not a backup); leave --passphrase-file out if you trust it.")
    return cast("BinaryIO", io.BufferedReader(Unsealed(raw, passphrase), BLOCK)) if passphrase is not None else raw


class Reader:
    """``about`` first, then :meth:`into`, once."""

    def __init__(self, tar: tarfile.TarFile, stream: gzip.GzipFile, limits: BackupSettings, told: Callable[[], None]) -> None:
        self._tar = tar
        self._stream = stream
        self._limits = limits
        self._told = told
        self._seen: dict[str, Checksum] = {}
        self._bytes = 0
        self.about = self._description(self._next(), ABOUT, About)
        if self.about.format > FORMAT:
            raise BadInput(f"The backup was made by a newer Hearth ({self.about.hearth}); update Hearth first. Nothing was restored.")

    def into(self, folder: Path | None) -> int:
        """Writes every member below ``folder`` (None: only checks), proves their checksums, and that nothing follows them. How many."""
        while (member := self._next()).name != CHECKSUMS:
            self._write(member, folder)
        told = self._description(member, CHECKSUMS, Checksums)
        written = {name: checksum for name, checksum in self._seen.items() if name != CHECKSUMS}
        if dict(told.members) != written or self._tar.next() is not None or not self._ended():
            raise BadInput(DAMAGED)
        if not {*STORES} <= written.keys():
            raise BadInput("The backup lacks the database or Redis; nothing was restored.")
        return len(written)

    def _next(self) -> tarfile.TarInfo:
        member = self._tar.next()
        if member is None:
            raise BadInput(DAMAGED)
        self._tar.members.clear()  # type: ignore[attr-defined] # it keeps every one, and nobody asks a stream for them
        path = PurePosixPath(member.name)
        if not member.isreg() or not _is_ours(member.name, path) or member.name in self._seen:
            raise BadInput(f"The backup holds '{member.name[:200]}', which no backup of ours does; nothing was restored.")
        self._bytes += member.size
        if self._bytes > self._limits.restored_bytes or len(self._seen) >= self._limits.restored_files:
            raise TooLarge("The backup holds more than backup.restored_bytes or backup.restored_files allow; nothing was restored.")
        return member

    def _write(self, member: tarfile.TarInfo, folder: Path | None) -> None:
        if folder is None:
            self._copy(member, None)
            return
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = member.name.startswith("keys/") or member.name in STORES
        mode = 0o600 if private else (member.mode & 0o755) | 0o600
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            self._copy(member, file)
            os.fchmod(file.fileno(), mode)

    def _copy(self, member: tarfile.TarInfo, file: BinaryIO | None) -> None:
        source = self._measured(member)
        while data := source.read(BLOCK):
            if file is not None:
                file.write(data)
            self._told()
        self._seen[member.name] = source.checksum

    def _description(self, member: tarfile.TarInfo, name: str, shape: type[Shape]) -> Shape:
        if member.name != name or member.size > LONGEST_DESCRIPTION:
            raise BadInput(DAMAGED)
        source = self._measured(member)
        text = source.read(member.size)
        self._seen[name] = source.checksum
        return shape.model_validate_json(text)

    def _measured(self, member: tarfile.TarInfo) -> Measured:
        content = self._tar.extractfile(member)
        if content is None:
            raise BadInput(DAMAGED)
        return Measured(cast("BinaryIO", content))

    def _ended(self) -> bool:
        """Reads what is behind the tar's end, which proves the gzip's own checksum and the last chunk of a seal; only padding may stand
        there."""
        while data := self._stream.read(BLOCK):
            if data.strip(b"\0"):
                return False
        return True


def _is_ours(name: str, path: PurePosixPath) -> bool:
    """Whether it is a plain path below the home (no way out of it, written in the one way there is) that some part admits."""
    plain = not path.is_absolute() and ".." not in path.parts and path.as_posix() == name and name.isprintable() and "\\" not in name
    return plain and (name in (ABOUT, CHECKSUMS, *STORES) or admits(path))

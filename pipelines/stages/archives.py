"""What is in zip and tar archives and in single packed files. Nothing is ever written to disk, no link is followed, and what is read is
bounded by a :class:`Budget` that nested archives share."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from cluster.content.zips import MIB, PIECE, member_refusal, open_zip, unpack
from cluster.errors import BadInput, TooLarge, Unprocessable
from cluster.settings import IngestSettings
from pipelines.stages.names import refusal


class Readable(Protocol):
    """What unpacks as it is read."""

    def read(self, size: int, /) -> bytes: ...


PACKED: Mapping[str, Callable[[BinaryIO], Readable]] = {
    "application/gzip": lambda file: gzip.GzipFile(fileobj=file),
    "application/x-bzip2": bz2.BZ2File,
    "application/x-xz": lzma.LZMAFile,
}
ARCHIVES = frozenset({"application/zip", "application/x-tar", *PACKED})
SUFFIXES = (".gz", ".bz2", ".xz", ".tgz", ".tbz2", ".txz")
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError, OverflowError)


class Overspent(TooLarge):
    """A source holds more than may be unpacked of one; nothing more of it is read."""


@dataclass(slots=True)
class Budget:
    """What was unpacked of one source, archives within it included. ``spend`` raises Overspent."""

    limits: IngestSettings
    bytes: int = 0
    members: int = 0

    def spend(self, size: int, members: int = 1) -> None:
        self.members += members
        self.bytes += size
        if self.members > self.limits.archive_members:
            raise Overspent(f"It holds more than {self.limits.archive_members} files (setting ingest.archive_members); the rest was left.")
        if self.bytes > self.limits.archive_bytes:
            raise Overspent(
                f"Unpacked it is larger than {self.limits.archive_bytes} bytes (setting ingest.archive_bytes); the rest was left."
            )


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive or e-mail: its bytes, or why there are none."""

    name: str
    content: bytes | None
    reason: str = ""


def members(file: BinaryIO, media: str, name: str, budget: Budget) -> Iterator[Member]:
    """What an archive holds. Raises TooLarge or Unprocessable when it cannot be read further; what came before stands."""
    taken = set[str]()
    for member in _zip(file, budget) if media == "application/zip" else _stream(file, media, name, budget):
        reason = refusal(member.name) or ("Another file in the archive has the same name." if member.name in taken else "")
        taken.add(member.name)
        yield Member(member.name, None, reason) if reason else member


def _zip(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    with open_zip(file, budget.limits) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            kind = stat.S_IFMT(entry.external_attr >> 16)
            # orig_filename: zipfile cuts names at a null character and turns backslashes round.
            if kind not in {0, stat.S_IFREG}:
                yield Member(entry.orig_filename, None, "It is a link or a device, and is not followed.")
            elif reason := member_refusal(entry, budget.limits):
                budget.spend(0)
                yield Member(entry.orig_filename, None, reason)
            else:
                budget.spend(entry.file_size)
                yield _unpacked(archive, entry)


def _stream(file: BinaryIO, media: str, name: str, budget: Budget) -> Iterator[Member]:
    packed = file.seek(0, 2)
    file.seek(0)
    unpacked: Readable = file if media == "application/x-tar" else PACKED[media](file)
    stream = _Bounded(unpacked, packed if media != "application/x-tar" else 0, budget)
    try:
        head = stream.peek()
        if head[257:262] == b"ustar":
            yield from _tar(stream, budget)
        else:
            budget.spend(0)
            yield Member(_unpacked_name(name), stream.rest())
    except DAMAGED:
        raise Unprocessable("It is an archive that is damaged or cut off; what was found before is taken.") from None


def _tar(stream: _Bounded, budget: Budget) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
        for entry in archive:
            archive.members = []  # else tarfile remembers them all
            if entry.isdir():
                continue
            budget.spend(0)
            if not entry.isreg() or entry.issparse():
                yield Member(entry.name, None, "It is a link, a device or a sparse file, and is not followed.")
            elif entry.size > budget.limits.file_bytes:
                yield Member(entry.name, None, f"It is larger than {budget.limits.file_bytes} bytes (setting ingest.file_bytes).")
            else:
                content = archive.extractfile(entry)
                yield Member(entry.name, content.read() if content else b"")


class _Bounded:
    """A stream that is read forwards only, counts what comes out of it, and never gives more at once than one file may have.

    tarfile is given this rather than a stream of its own (mode ``r|``), since that reads an entry's extended header whole, however long.
    """

    def __init__(self, file: Readable, packed: int, budget: Budget) -> None:
        self._file, self._packed, self._budget = file, packed, budget
        self._at = 0
        self._ahead = b""

    def peek(self) -> bytes:
        self._ahead = self._file.read(512)
        return self._ahead

    def read(self, size: int) -> bytes:
        if size > self._budget.limits.file_bytes:
            raise TooLarge(f"A part of it is larger than {self._budget.limits.file_bytes} bytes (setting ingest.file_bytes).")
        start, self._ahead = self._ahead[:size], self._ahead[size:]
        data = start + self._file.read(size - len(start))
        self._count(len(data))
        return data

    def seek(self, position: int) -> int:
        while self._at < position and self.read(min(PIECE, position - self._at)):
            pass
        if self._at != position:
            raise tarfile.ReadError("unexpected end of data")
        return self._at

    def tell(self) -> int:
        return self._at

    def rest(self) -> bytes:
        """All that is left. Raises TooLarge when that is more than one file may have."""
        parts = list[bytes]()
        while piece := self.read(PIECE):
            parts.append(piece)
            if self._at > self._budget.limits.file_bytes:
                raise TooLarge(f"Unpacked it is larger than {self._budget.limits.file_bytes} bytes (setting ingest.file_bytes).")
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._at += size
        self._budget.spend(size, members=0)
        ratio = self._budget.limits.archive_ratio
        if self._packed and self._at > MIB and self._at > ratio * self._packed:
            raise TooLarge(f"It grows more than {ratio} times when unpacked (setting ingest.archive_ratio), as a bomb does.")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    try:
        return Member(entry.orig_filename, unpack(archive, entry))
    except BadInput as error:
        return Member(entry.orig_filename, None, error.message)


def _unpacked_name(name: str) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    return next((last[: -len(suffix)] for suffix in SUFFIXES if last.lower().endswith(suffix)), "") or "content"

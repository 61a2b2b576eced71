"""The inside of a backup: what it says about itself, and writing it member by member. See the package's docstring for the order."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
ABOUT, CHECKSUMS, DATABASE, CACHE = "about.json", "checksums.json", "database.dump", "redis.jsonl"
# Of either description; what is longer is not ours.
LONGEST_DESCRIPTION = 256 * 2**20

# What is being worked on, bytes done, bytes in all (0: not known).
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """For whoever wants no progress."""


class About(BaseModel):
    """``database_revision``: the last migration that the database had seen, None for an empty one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = Field(ge=1)
    hearth: str
    database_revision: str | None
    created_at: datetime
    parts: tuple[str, ...]


class Checksum(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(ge=0)
    sha256: str


class Checksums(BaseModel):
    """By the name of the member."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: Mapping[str, Checksum]


class Measured(io.RawIOBase):
    """Reads through to ``file``, and remembers how much of it there was and its digest."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None] = lambda _done: None) -> None:
        self._file = file
        self._told = told
        self._digest = hashlib.sha256()
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        self._bytes += len(data)
        self._told(self._bytes)
        return data

    @property
    def checksum(self) -> Checksum:
        return Checksum(bytes=self._bytes, sha256=self._digest.hexdigest())


class Archive:
    """Writes a backup into ``stream``. Whole only after :meth:`finish`."""

    def __init__(self, stream: BinaryIO, about: About) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - ended by finish
        self._written: dict[str, Checksum] = {}
        self.add_text(ABOUT, about.model_dump_json(indent=1))

    def add(self, name: str, file: BinaryIO, size: int, mode: int = 0o600, progress: Progress = silent) -> None:
        """``size`` bytes of ``file``. Raises OSError when there are fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, mode & 0o777
        measured = Measured(file, lambda done: progress(name, done, size))
        self._tar.addfile(info, measured)
        self._tar.members.clear()  # type: ignore[attr-defined] # it keeps every one, and nobody asks a stream for them
        self._written[name] = measured.checksum

    def add_text(self, name: str, text: str) -> None:
        data = text.encode()
        self.add(name, io.BytesIO(data), len(data))

    def finish(self) -> int:
        """How many members there were."""
        count = len(self._written)
        self.add_text(CHECKSUMS, Checksums(members=self._written).model_dump_json())
        self._tar.close()
        return count

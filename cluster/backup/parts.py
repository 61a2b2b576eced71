"""What of HEARTH_HOME a backup holds besides the stores. Whoever keeps something new there adds a part to ``PARTS``.

Most are folders. What cannot be copied file by file while it is written (an index that is open, say) is a class of its own: its ``members``
makes a consistent copy in the folder it is given, and names the files of that.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Protocol

from filelock import Timeout

from cluster.errors import Unavailable
from cluster.generations import CURRENT, Generations
from cluster.home import REPOSITORY, Home


@dataclass(frozen=True, slots=True)
class Member:
    """``file`` is what HEARTH_HOME/``name`` becomes when it is restored."""

    name: str
    file: Path


class Part(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def on_request(self) -> bool:
        """Whether a backup has it only when asked to."""

    def members(self, home: Home, work: Path) -> Iterator[Member]:
        """Its files as of now. ``work`` is an empty folder that goes when the backup is written."""

    def owns(self, path: PurePosixPath) -> bool:
        """Whether a file of that name may be restored as one of its own."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Every file below ``source`` (by default the folder ``name`` of HEARTH_HOME), less the names that match ``without``."""

    name: str
    on_request: bool = False
    without: tuple[str, ...] = ("*.lock",)
    source: Path | None = None

    def members(self, home: Home, work: Path) -> Iterator[Member]:
        root = self.source or home.root / self.name
        for folder, below, files in os.walk(root):
            below.sort()
            for name in sorted(files):
                file = Path(folder) / name
                if file.is_file() and not any(fnmatch(name, pattern) for pattern in self.without):
                    yield Member((PurePosixPath(self.name) / file.relative_to(root).as_posix()).as_posix(), file)

    def owns(self, path: PurePosixPath) -> bool:
        return len(path.parts) > 1 and path.parts[0] == self.name


@dataclass(frozen=True, slots=True)
class OwnYaml:
    """YAML files that lie in HEARTH_HOME itself: profiles of the owner's."""

    name: str = "profiles of the owner"
    on_request: bool = False

    def members(self, home: Home, work: Path) -> Iterator[Member]:
        for file in sorted(home.root.glob("*.y*ml")):
            if file.is_file():
                yield Member(file.name, file)

    def owns(self, path: PurePosixPath) -> bool:
        return len(path.parts) == 1 and path.suffix in (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Index:
    """The index of knowledge, which is open and written while the cluster runs. A write is on disk when it is acknowledged, so a copy
    of the files while writes wait (searches do not) has all of them; see cluster/generations.py. ``wait_s``: for a write's end."""

    name: str = "vectors"
    on_request: bool = False
    wait_s: float = 60.0

    def members(self, home: Home, work: Path) -> Iterator[Member]:
        for folder in sorted(path.parent for path in (home.root / self.name).glob(f"*/{CURRENT}")):
            copied = self._copied(Generations(folder), work / folder.name)
            yield from Folder(f"{self.name}/{folder.name}", source=copied).members(home, work)
            shutil.rmtree(copied)

    def owns(self, path: PurePosixPath) -> bool:
        return len(path.parts) > 2 and path.parts[0] == self.name

    def _copied(self, generations: Generations, target: Path) -> Path:
        try:
            with generations.write_lock(self.wait_s):
                current = generations.current
                assert current is not None, "listed by the file that names it"
                shutil.copytree(current, target / current.name)
        except Timeout:
            raise Unavailable(
                f"The index in {generations.folder} was written for {self.wait_s:.0f} s without a pause; retry in 60 s."
            ) from None
        (target / CURRENT).write_text(current.name, encoding="utf-8")
        return target


KEYS = Folder("keys")
# What every backup has, in this order, after the database and Redis; the keys come before them.
PARTS: tuple[Part, ...] = (
    Folder("catalog"),
    OwnYaml(),
    # The repository's, for whoever edited them there. They are restored beside, and compared by hand: code is not overwritten.
    Folder("configs", source=REPOSITORY / "configs"),
    Folder("files"),
    Folder("adapters", without=("*.part", "*.gguf")),
    Folder("workspaces", without=("lock",)),
    Index(),
    Folder("models", on_request=True, without=("*.lock", "*.part")),
)
# What a migration may spoil, or what it needs to be undone: the stores, and these.
SMALL: tuple[Part, ...] = tuple(part for part in PARTS if part.name in ("catalog", "profiles of the owner"))


def admits(path: PurePosixPath) -> bool:
    """Whether a backup may restore a file of that name."""
    return any(part.owns(path) for part in (KEYS, *PARTS))


def backups(home: Home) -> Path:
    """Where backups go when no file is named; no part of a backup itself."""
    return home.root / "backups"

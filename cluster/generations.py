"""A folder that is rebuilt as a whole beside itself: its generations, which of them counts, and who may write.

    owner.lock      held by the one process that has it open (of the folder above, for all below it)
    write.lock      held during each write, and by whoever copies
    CURRENT         the name of the generation that counts
    g000001/        a generation

A reader of files needs nothing else: under ``write.lock`` the generation named by CURRENT is whole, on disk, and still.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from cluster.errors import Unavailable

CURRENT = "CURRENT"
WRITE_LOCK = "write.lock"
OWNER_LOCK = "owner.lock"
# How often whoever waits for the write lock looks, in seconds.
POLL_S = 0.001


class Generations:
    """Of one folder, which is made when the first generation is begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def current(self) -> Path | None:
        """The generation that counts; None before the first."""
        try:
            name = (self.folder / CURRENT).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return self.folder / name

    def begin(self) -> Path:
        """The path of a new generation, where nothing is yet. It counts once it is published."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        numbers = [int(path.name[1:]) for path in self.folder.glob("g[0-9]*") if path.name[1:].isdigit()]
        return self.folder / f"g{max(numbers, default=0) + 1:06d}"

    def publish(self, generation: Path) -> None:
        """Makes ``generation`` (all of it on disk) the one that counts, from one moment to the next, even when the power fails."""
        draft = self.folder / f".{CURRENT}"
        with draft.open("w", encoding="utf-8") as file:
            file.write(generation.name)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / CURRENT)
        sync_folder(self.folder)

    def sweep(self) -> None:
        """Deletes the generations that do not count: what a crash left behind, and what was replaced."""
        kept = self.current
        for path in self.folder.glob("g[0-9]*"):
            if path != kept:
                # A builder whose owner was killed may be writing its last; what is left goes the next time.
                shutil.rmtree(path, ignore_errors=True)

    def write_lock(self, timeout_s: float) -> FileLock:
        """To be held while writing or copying. Processes that die let go of it."""
        return FileLock(self.folder / WRITE_LOCK, timeout=timeout_s, thread_local=False, poll_interval=POLL_S)


def own(root: Path, timeout_s: float) -> FileLock:
    """Makes this process the one owner of everything below ``root``; waits for a leaving one. Raises Unavailable when it stays."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(root / OWNER_LOCK, thread_local=False)
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout:
        raise Unavailable(
            f"Another process owns the index in {root}: only one may, and it did not let go within {timeout_s:.0f} s. "
            "Stop the other Hearth of this home (retry in 30 s)."
        ) from None
    return lock


def sync_folder(folder: Path) -> None:
    """Makes the names in ``folder`` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Makes every file below ``folder`` survive a power failure."""
    for path, _, names in os.walk(folder):
        for name in names:
            with (Path(path) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(path))

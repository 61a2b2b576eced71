"""Restoring a backup. All of it is unpacked, proven, loaded and brought up to date in a folder beside the home; a rename makes it the home.

So whatever happens before that (a damaged file, a full disk, a kill) leaves the home as it was. With a database of the owner's, which is
no part of the home, that database is loaded in one transaction, shortly before the rename.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from cluster.backup import cache, database
from cluster.backup.archive import CACHE, DATABASE, About, Progress, silent
from cluster.backup.unpack import unpacked
from cluster.errors import BadInput, Conflict, Unavailable
from cluster.home import Home
from cluster.runtime.state import running
from cluster.settings import Settings
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate
from cluster.stores.revisions import known_revisions

# Longest that a server whose owner was killed takes to end.
ENDING_S = 20.0


@dataclass(frozen=True, slots=True)
class Restored:
    """``aside``: where the home of before is now, None if there was none."""

    home: Path
    members: int
    about: About
    aside: Path | None


def check(file: Path, settings: Settings, *, passphrase: str | None = None, progress: Progress = silent) -> tuple[About, int]:
    """What the backup says about itself, and how many members it has, all of them proven. Writes nothing, and raises as restore does."""
    with unpacked(file, passphrase, settings.backup, progress) as reader:
        return reader.about, reader.into(None)


def restore(
    file: Path, home: Home, settings: Settings, *, passphrase: str | None = None, force: bool = False, progress: Progress = silent
) -> Restored:
    """Makes ``home`` what it was when the backup was made, with the database at the code's revision. Nothing runs there afterwards.

    Raises Conflict when the home (or a database or Redis of the owner's) is not empty or its cluster runs; ``force`` moves the old home
    aside. Raises BadInput when the backup is not whole, comes from a newer Hearth or does not open. In each case nothing has changed.
    """
    _refuse(home, force=force)
    with _staging(home) as staging:
        with unpacked(file, passphrase, settings.backup, progress) as reader:
            _refuse_newer(reader.about, settings)
            members = reader.into(staging.root)
        _load(staging, settings.model_copy(update={"home": staging.root}), progress)
        _refuse(home, force=force)
        return Restored(home.root, members, reader.about, _swap(staging, home))


def _refuse(home: Home, *, force: bool) -> None:
    if running(home) is not None:
        raise Conflict(f"Hearth runs in {home.root}; `hearth down` first. Nothing was restored.")
    if home.root.is_mount():
        raise Conflict(f"{home.root} is a mount point, which cannot be exchanged as a whole; set HEARTH_HOME to a folder below it.")
    if not force and _holds_files(home.root):
        raise Conflict(f"{home.root} is not empty; name an empty folder with --home, or move the old one aside with --force.")


def _holds_files(folder: Path) -> bool:
    """Whether there is anything but the folders and the lock that any command makes."""
    return any(path for path in folder.rglob("*") if (path.is_symlink() or not path.is_dir()) and path != folder / "run" / "lock")


def _refuse_newer(about: About, settings: Settings) -> None:
    if about.database_revision is not None and about.database_revision not in known_revisions(settings):
        made = f"Hearth {about.hearth}, database revision {about.database_revision}"
        raise BadInput(f"The backup comes from a newer Hearth ({made}); update Hearth first. Nothing was restored.")


@contextmanager
def _staging(home: Home) -> Iterator[Home]:
    """An empty home beside ``home``, gone when the block ends. What a killed restore left is removed first."""
    place = home.root.resolve()
    staging = Home(place.with_name(f".{place.name}.restoring"))
    guard = place.with_name(f".{place.name}.restoring.lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(guard, timeout=0, mode=0o600):
            _clear(staging)
            staging.root.mkdir(mode=0o700)
            try:
                yield staging
            finally:
                _clear(staging)
                guard.unlink(missing_ok=True)
    except Timeout:
        raise Conflict(f"Another `hearth restore` into {home.root} is at work; wait for it to finish.") from None
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise Unavailable(f"The backup could not be unpacked beside {home.root}: {what}. Nothing was restored (retry in 5 s).") from None


def _clear(staging: Home) -> None:
    """Servers of a restore that was killed end a moment after it, and write until then: what they put back is removed again."""
    for folder in (staging.root, staging.scratch):
        for attempt in Retrying(
            retry=retry_if_exception_type(OSError), stop=stop_after_delay(ENDING_S), wait=wait_fixed(0.1), reraise=True
        ):
            with attempt:
                # A file that went while it was looked at is an error too, after which the folder is still there.
                if folder.exists():
                    shutil.rmtree(folder)


def _load(staging: Home, settings: Settings, progress: Progress) -> None:
    """Fills the stores from the unpacked files, which go, and brings the database up to date."""
    staging.create()
    stores = Stores(staging, settings)
    try:
        stores.start(lambda step: progress(step, 0, 0))
        if not database.is_empty(settings) or not cache.is_empty(settings):
            raise Conflict(
                "The database or the Redis that the settings name is not empty; empty it, or name another. Nothing was restored."
            )
        progress("loading the database", 0, 0)
        database.load(settings, staging.root / DATABASE)
        progress("bringing the database up to date", 0, 0)
        migrate(settings)
        with (staging.root / CACHE).open("rb") as lines:
            cache.load(settings, lines)
    finally:
        stores.stop()
    for name in (DATABASE, CACHE):
        (staging.root / name).unlink()


def _swap(staging: Home, home: Home) -> Path | None:
    os.sync()  # the new home is on disk before it gets its name
    place = home.root.resolve()
    if not place.exists():
        staging.root.rename(place)
        return None
    aside = place.with_name(f"{place.name}.before-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}")
    place.rename(aside)
    try:
        staging.root.rename(place)
    except OSError:
        aside.rename(place)
        raise
    if _holds_files(aside):
        return aside
    shutil.rmtree(aside)
    return None

"""Making a backup. The file gets its name when it is whole; until then, and after a crash, there is only a hidden one beside it."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO, cast

from cluster.backup import cache, database
from cluster.backup.archive import CACHE, DATABASE, FORMAT, About, Archive, Progress, silent
from cluster.backup.parts import KEYS, PARTS, SMALL, Part, backups
from cluster.backup.running import stores_of
from cluster.backup.sealed import Sealed
from cluster.errors import Conflict, NotFound, Unavailable
from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.revisions import current_revision, known_revisions

# Fast: most of what is large (images, weights) does not get smaller.
COMPRESSION = 1
BEFORE = "before-migration-"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is whole and on disk."""

    file: Path
    bytes: int
    members: int
    sealed: bool
    about: About


def backup(
    home: Home,
    settings: Settings,
    target: Path | None = None,
    *,
    passphrase: str | None = None,
    models: bool = False,
    progress: Progress = silent,
) -> Made:
    """Backs up ``home``, whether its cluster runs or not. ``target``: a file that does not exist yet, or a folder; by default the folder
    ``backups`` of the home.

    Raises NotFound when there is nothing to back up, Conflict when the file exists or the state does not allow it now, Unavailable or
    EngineError when a store fails. Whatever is raised, there is no file of that name.
    """
    if not home.keys.is_dir():
        raise NotFound(f"There is no Hearth in {home.root}: nothing to back up. --home names another folder.")
    file = _choose(target, home, sealed=passphrase is not None)
    parts = tuple(part for part in PARTS if models or not part.on_request)
    with stores_of(home, settings, lambda step: progress(step, 0, 0)) as there:
        return write(home, there, file, parts, passphrase, progress)


def backup_before_migration(settings: Settings, progress: Progress = silent) -> Path | None:
    """Backs up the stores, keys and catalog when the database is about to be migrated; the stores answer. None when there is no need:
    the database is empty, up to date, or ``backup.kept_before_migration`` is 0. Of earlier ones the last that many stay."""
    kept, home = settings.backup.kept_before_migration, Home(settings.home)
    now = current_revision(settings)
    if kept == 0 or now is None or now == known_revisions(settings)[0]:
        return None
    file = backups(home) / f"{BEFORE}{now}-{_stamp()}.tar.gz"
    made = write(home, settings, file, SMALL, None, progress)
    for old in sorted(backups(home).glob(f"{BEFORE}*"), key=lambda path: path.stat().st_mtime_ns)[:-kept]:
        old.unlink(missing_ok=True)
    return made.file


def write(home: Home, settings: Settings, file: Path, parts: Sequence[Part], passphrase: str | None, progress: Progress) -> Made:
    """A backup with ``parts``; the stores answer, and ``file`` does not exist."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with _whole(file) as raw, _packed(raw, passphrase) as packed, database.snapshot(settings) as moment:
            about = About(
                format=FORMAT,
                hearth=version("hearth"),
                database_revision=moment.revision,
                created_at=datetime.now(UTC),
                parts=("keys", "database", "redis", *(part.name for part in parts)),
            )
            archive = Archive(packed, about)
            _add_stores(archive, home, settings, moment, file.parent, progress)
            for part in parts:
                _add_part(archive, part, home, file.parent, progress)
            members = archive.finish()
    except OSError as error:
        raise Unavailable(f"The backup could not be written to {file.parent}: {error.strerror or error} (retry in 5 s)") from None
    return Made(file, file.stat().st_size, members, passphrase is not None, about)


def _add_stores(archive: Archive, home: Home, settings: Settings, moment: database.Snapshot, folder: Path, progress: Progress) -> None:
    _add_part(archive, KEYS, home, folder, progress)
    moment.let_go_of_keys()
    # Without a name from the beginning: a crash leaves no copy of the database lying about.
    with tempfile.TemporaryFile(dir=folder) as spool:
        progress(DATABASE, 0, 0)
        database.dump(settings, moment, spool)
        _add_spooled(archive, DATABASE, spool, progress)
    with tempfile.TemporaryFile(dir=folder) as spool:
        cache.save(settings, spool)
        _add_spooled(archive, CACHE, spool, progress)


def _add_spooled(archive: Archive, name: str, spool: IO[bytes], progress: Progress) -> None:
    size = spool.seek(0, os.SEEK_END)
    spool.seek(0)
    archive.add(name, cast("BinaryIO", spool), size, progress=progress)


def _add_part(archive: Archive, part: Part, home: Home, folder: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as work:
        for member in part.members(home, Path(work)):
            try:
                source = member.file.open("rb")
            except FileNotFoundError:
                continue  # deleted since it was listed
            with source:
                there = os.fstat(source.fileno())
                archive.add(member.name, source, there.st_size, there.st_mode, progress)


@contextmanager
def _whole(file: Path) -> Iterator[BinaryIO]:
    """Writes into a file (mode 0600) that becomes ``file`` when the block ends, and goes when it raises."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        _refuse_existing(file)
        Path(name).rename(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _packed(raw: BinaryIO, passphrase: str | None) -> Iterator[BinaryIO]:
    """What is written is gzipped, sealed if there is a passphrase, and passed on."""
    seal = Sealed(raw, passphrase) if passphrase is not None else None
    with gzip.GzipFile(fileobj=cast("BinaryIO", seal or raw), mode="wb", compresslevel=COMPRESSION, filename="") as packed:
        yield cast("BinaryIO", packed)
    if seal is not None:
        seal.finish()


def _choose(target: Path | None, home: Home, *, sealed: bool) -> Path:
    file = backups(home) if target is None else target.expanduser().absolute()
    if target is None or file.is_dir():
        file /= f"hearth-{_stamp()}.tar.gz{'.sealed' if sealed else ''}"
    _refuse_existing(file)
    return file


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise Conflict(f"{file} exists, and a backup overwrites nothing; name another file.")


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")

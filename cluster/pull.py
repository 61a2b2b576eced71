"""Bringing weights to this machine: from the hub or from a path of the owner's; checked, resumable, complete when the record says so."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from cluster.errors import BadInput, Conflict, NotFound, Unprocessable
from cluster.home import Home
from cluster.hub import Hub, HubFile, Listing, Progress
from cluster.runtime.state import write_atomically
from cluster.specs.catalog import HubSource, ModelSpec, Variant
from cluster.specs.loader import nearest
from cluster.weights import RECORD, Completion, RecordedFile, inspect, pulled, weight_files

PARTIAL = ".partial"
_CHUNK = 4 << 20


def silent(file: str, here: int, total: int) -> None:
    """The progress of a caller that shows none."""


def pull(model: ModelSpec, variant: Variant, home: Home, *, hub: Hub, offline: bool = False, progress: Progress = silent) -> Path:
    """The folder of the variant's weights, fetched unless it is complete. Interrupted at any point, the next call goes on from there.

    Raises Conflict (offline, another pull of it runs, disk too full), NotFound, Unavailable (network), Unprocessable (wrong checksum).
    """
    source = _hub_source(model, variant)
    found = inspect(model, variant, home)
    if found.path is not None:
        return found.path
    if offline:
        raise Conflict(
            f"Settings say offline, so '{model.id}' was not fetched; set HEARTH_OFFLINE=false, or bring the weights with "
            f"`hearth models pull {model.id} --from PATH`."
        )
    root = pulled(model, variant, home)
    with _only_one(model, home):
        listing = hub.listing(source, variant.file)
        _check_disk(root, _left_to_fetch(root, listing))
        (root / RECORD).unlink(missing_ok=True)
        files = {file.name: _fetch(hub, listing, file, source, root, progress) for file in listing.files}
        _vouch(root, Completion(origin=f"{hub.address}/{source.repo}", revision=listing.commit, completed_at=_now(), files=files))
        shutil.rmtree(root / PARTIAL, ignore_errors=True)
    return root


def import_local(model: ModelSpec, variant: Variant, home: Home, path: Path, *, link: bool = False, progress: Progress = silent) -> Path:
    """The same folder, filled from a file or folder of the owner's: copied, or linked (then the owner's files must stay where they are).

    Raises NotFound (no such file), Unprocessable (not weights, or not the checksum in the catalog), Conflict (disk too full).
    """
    source = _hub_source(model, variant)
    root = pulled(model, variant, home)
    chosen = _local_files(variant, source, path.expanduser().absolute())
    with _only_one(model, home):
        if not link:
            _check_disk(root, sum(file.stat().st_size for file in chosen.values()))
        (root / RECORD).unlink(missing_ok=True)
        files = {name: _bring(file, name, source, root, link=link, progress=progress) for name, file in chosen.items()}
        _vouch(root, Completion(origin=str(path), revision="local", completed_at=_now(), files=files))
        shutil.rmtree(root / PARTIAL, ignore_errors=True)
    return root


def remove(model: ModelSpec, home: Home) -> int:
    """Deletes what was pulled or prepared for ``model``; returns the bytes freed. Other sources are never touched."""
    folder = home.models / model.id
    if not folder.is_dir():
        return 0
    with _only_one(model, home):
        freed = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        shutil.rmtree(folder)
    return freed


def _hub_source(model: ModelSpec, variant: Variant) -> HubSource:
    if isinstance(variant.source, HubSource):
        return variant.source
    carried = {"bundled": "this repository", "package": "an installed package", "path": "a path of yours"}[variant.source.kind]
    raise BadInput(f"The weights of '{model.id}' ({variant.engine}) come from {carried}; there is nothing to pull.")


@contextlib.contextmanager
def _only_one(model: ModelSpec, home: Home) -> Iterator[None]:
    """Holds the model's lock, which the system drops with this process. Raises Conflict when another process holds it."""
    home.models.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(home.models / f".{model.id}.lock").acquire(timeout=0)
    except Timeout:
        raise Conflict(f"Another process is working on the weights of '{model.id}'; wait for it, or end it.") from None
    with held:
        yield


def _left_to_fetch(root: Path, listing: Listing) -> int:
    return sum(file.size - min(file.size, _held(root, file)) for file in listing.files)


def _held(root: Path, file: HubFile) -> int:
    for path in (root / file.name, root / PARTIAL / file.content_id):
        if path.is_file():
            return path.stat().st_size
    return 0


def _check_disk(root: Path, needed: int) -> None:
    existing = next(parent for parent in (root, *root.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        said = f"{existing} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed"
        raise Conflict(f"{said}; free some space, or set HEARTH_HOME to a folder on a larger disk.")


def _fetch(hub: Hub, listing: Listing, file: HubFile, source: HubSource, root: Path, progress: Progress) -> RecordedFile:
    """One file in place and checked; a file that an interrupted pull finished is checked again and kept."""
    target = root / file.name
    expected = source.sha256.get(file.name) or file.sha256
    if target.is_file() and target.stat().st_size == file.size:
        with contextlib.suppress(Unprocessable):
            recorded = _checked(target, file, expected)
            progress(file.name, file.size, file.size)
            return recorded
    part = root / PARTIAL / file.content_id
    hub.fetch(listing, file, part, progress)
    try:
        recorded = _checked(part, file, expected)
    except Unprocessable:
        part.unlink()
        raise
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return recorded


def _checked(path: Path, file: HubFile, expected: str | None) -> RecordedFile:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if expected is not None and sha256 != expected.lower():
        raise Unprocessable(f"{file.name} has SHA-256 {sha256}, and {expected} was expected; it was thrown away. Pull again.")
    if expected is None and file.git_oid is not None and _git_oid(path) != file.git_oid:
        raise Unprocessable(f"{file.name} is not the content that the hub states (git id {file.git_oid}); it was thrown away. Pull again.")
    return RecordedFile(size=path.stat().st_size, sha256=sha256)


def _git_oid(path: Path) -> str:
    """The id git gives a file's content: SHA-1 of a header with its size, then the content."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _local_files(variant: Variant, source: HubSource, path: Path) -> dict[str, Path]:
    """What to bring, by the name it gets: a single file stands for the variant's file, a folder must hold the names that are wanted."""
    if path.is_file():
        name = variant.file or (source.files[0] if len(source.files) == 1 else path.name)
        return {name: path}
    if not path.is_dir():
        raise NotFound(f"{path} does not exist; give the file or folder that holds the weights.")
    there = {file.relative_to(path).as_posix(): file for file in weight_files(path)}
    wanted = source.files or ((variant.file,) if variant.file else tuple(there))
    chosen = {name: file for pattern in wanted for name, file in there.items() if name == pattern or file.match(pattern)}
    missing = [pattern for pattern in wanted if not any(name == pattern or file.match(pattern) for name, file in there.items())]
    if missing or not chosen:
        hint = nearest(missing[0], there) if missing else None
        raise NotFound(f"{path} has no {missing[0] if missing else 'weights'}" + (f"; did you mean '{hint}'?" if hint else "."))
    return chosen


def _bring(file: Path, name: str, source: HubSource, root: Path, *, link: bool, progress: Progress) -> RecordedFile:
    _look(file)
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = root / PARTIAL / name
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    if link:
        part.symlink_to(file)
    sha256 = _read_through(file, lambda done: progress(name, done, file.stat().st_size), None if link else part)
    expected = source.sha256.get(name)
    if expected is not None and sha256 != expected.lower():
        part.unlink()
        raise Unprocessable(f"{file} has SHA-256 {sha256}, and the catalog expects {expected}; it is another file, or it is damaged.")
    part.replace(target)
    return RecordedFile(size=target.stat().st_size, sha256=sha256)


def _look(file: Path) -> None:
    """Refuses what is plainly not weights: an empty file, a Git LFS pointer left by a clone without LFS, a `.gguf` that is none."""
    with file.open("rb") as content:
        head = content.read(64)
    if not head:
        raise Unprocessable(f"{file} is empty.")
    if head.startswith(b"version https://git-lfs"):
        raise Unprocessable(f"{file} is a Git LFS pointer, not the weights; run `git lfs pull` in that folder.")
    if file.suffix == ".gguf" and not head.startswith(b"GGUF"):
        raise Unprocessable(f"{file} is not a GGUF file (it starts with {head[:4]!r}).")


def _read_through(file: Path, report: Callable[[int], None], copy: Path | None) -> str:
    """SHA-256 of ``file`` in hex, read once; written to ``copy`` on the way when given."""
    digest, done = hashlib.sha256(), 0
    with file.open("rb") as content, copy.open("wb") if copy else contextlib.nullcontext() as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            if out is not None:
                out.write(chunk)
            done += len(chunk)
            report(done)
    return digest.hexdigest()


def _vouch(root: Path, record: Completion) -> None:
    write_atomically(root / RECORD, record.model_dump_json(indent=1))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

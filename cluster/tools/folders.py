"""Files reached step by step: each part of a path is opened from the folder before it, and no link is followed.

A path as a whole never reaches the kernel, so that it does not matter what somebody makes of a folder meanwhile: what was opened stays
what it was, and a link in place of it is refused. All of it blocks; call it in a thread."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.errors import BadInput, Conflict, NotFound, Unavailable
from cluster.specs.loader import nearest
from cluster.tools.paths import MOST_PARTS

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A fifo would block, and a terminal would become ours.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder below a folder: its path from there, and what it is."""

    parts: tuple[str, ...]
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class Disk:
    """How bytes get onto the disk; a test has one that is full, or that dies."""

    def write(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, name: str, new: str, folder: int, to: int) -> None:
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=to)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def walked(root: int, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """The folder at ``parts`` below ``root``, open. ``make``: what is missing on the way is made. Raises NotFound, and BadInput for what is
    no folder, or a link."""
    current = os.dup(root)
    try:
        for index, part in enumerate(parts):
            onward = _step(current, parts[: index + 1], part, make=make)
            os.close(current)
            current = onward
        yield current
    finally:
        os.close(current)


def names_in(folder: int) -> list[str]:
    """Those that are text; nobody could ask for another."""
    return [name for name in os.listdir(folder) if not any("\ud800" <= letter <= "\udfff" for letter in name)]


def look(folder: int, name: str) -> os.stat_result | None:
    """What stands there, a link as a link; None: nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def open_file(folder: int, parts: Sequence[str]) -> int:
    """The file ``parts[-1]`` of ``folder``, for reading. Raises NotFound, and BadInput for what is no file of its own: links, devices, and
    files that have another name somewhere else."""
    name = parts[-1]
    status = look(folder, name)
    if status is None:
        raise missing(folder, parts)
    # Looked at before too: opening a device may do something already.
    _check_file(parts, status)
    try:
        descriptor = os.open(name, FILE, dir_fd=folder)
    except OSError as error:
        raise _not_there(error, folder, parts) from None
    try:
        _check_file(parts, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_all(descriptor: int, most: int) -> bytes:
    """At most ``most`` bytes and one more, from where it stands."""
    pieces: list[bytes] = []
    left = most + 1
    while left > 0 and (piece := os.read(descriptor, min(PIECE, left))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def below(folder: int, parts: tuple[str, ...] = ()) -> Iterator[Found]:
    """All files and folders, each folder before what is in it, sorted by name. What is neither is left out; what disappears meanwhile,
    too."""
    for name in sorted(names_in(folder)):
        status = look(folder, name)
        if status is None or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            continue
        here = (*parts, name)
        yield Found(here, status)
        if stat.S_ISDIR(status.st_mode) and len(here) < MOST_PARTS:
            try:
                descriptor = os.open(name, FOLDER, dir_fd=folder)
            except OSError:
                continue  # gone, or no folder any more
            with closing(descriptor) as inner:
                yield from below(inner, here)


def remove_tree(folder: int, name: str) -> None:
    """A file, a link, or a folder with all that is in it; nothing where there is nothing."""
    status = look(folder, name)
    if status is None:
        return
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    with closing(os.open(name, FOLDER, dir_fd=folder)) as inner:
        for each in os.listdir(inner):  # noqa: PTH208 - of a descriptor
            remove_tree(inner, each)
    os.rmdir(name, dir_fd=folder)


def missing(folder: int, parts: Sequence[str]) -> NotFound:
    """That there is nothing at ``parts``, with the nearest name in ``folder``."""
    hint = nearest(parts[-1], names_in(folder))
    shown = "/".join(parts)
    said = f"; did you mean '{'/'.join((*parts[:-1], hint))}'?" if hint else "; files_list shows what is there."
    return NotFound(f"There is no '{shown[:200]}' in the workspace{said}").about("path")


def told(error: OSError) -> Unavailable | BadInput:
    """What went wrong with the disk, for whoever wanted to write."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable(
            "The disk that holds the workspaces is full, so nothing was written; free some space below HEARTH_HOME, and retry in 60 s."
        )
    if error.errno in {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}:
        return BadInput("The file system does not take that name; choose a shorter and plainer one.").about("path")
    return Unavailable(f"The disk that holds the workspaces does not work as it should ({error.strerror}); look at it, and retry in 60 s.")


def _step(folder: int, parts: Sequence[str], name: str, *, make: bool) -> int:
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise missing(folder, parts) from None
    except OSError as error:
        raise _not_there(error, folder, parts) from None
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        """Somebody else was quicker."""
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except OSError as error:
        raise _not_there(error, folder, parts) from None


def _not_there(error: OSError, folder: int, parts: Sequence[str]) -> NotFound | BadInput | Unavailable:
    if error.errno == errno.ENOENT:
        return missing(folder, parts)
    if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO}:
        status = look(folder, parts[-1])
        kind = "a link, and links are not followed" if status and stat.S_ISLNK(status.st_mode) else "not a folder"
        return BadInput(f"'{'/'.join(parts)[:200]}' is {kind}; choose another path.").about("path")
    return told(error)


def _check_file(parts: Sequence[str], status: os.stat_result) -> None:
    shown = "/".join(parts)[:200]
    if stat.S_ISDIR(status.st_mode):
        raise Conflict(f"'{shown}' is a folder; files_list shows what is in it.").about("path")
    if not stat.S_ISREG(status.st_mode):
        kind = "a link, and links are not followed" if stat.S_ISLNK(status.st_mode) else "no file that can be read"
        raise BadInput(f"'{shown}' is {kind}; choose another path.").about("path")
    if status.st_nlink > 1:
        raise BadInput(f"'{shown}' has another name somewhere else, so it may not belong to the workspace; it is not opened.").about("path")

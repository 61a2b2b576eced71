"""From what people give, files, folders, archives, e-mails and text, to items: one file each, its bytes in memory.

What cannot be taken becomes a Problem with its reason, and reading goes on. A path shown to people names the archives and e-mails on the
way, as in ``letters.zip/2024/offer.eml/terms.pdf``. Ids of what lies within a source are made from its id and that path.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cluster.content.sniff import sniff
from cluster.contracts.documents import Problem
from cluster.errors import BadInput
from cluster.settings import IngestSettings
from pipelines.stages.archives import ARCHIVES, Budget, Overspent, members
from pipelines.stages.mail import MAIL, attachments, read_mail
from pipelines.stages.names import member_id, shown


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be read: a file, or ``text``. ``document`` is the id of the document it is, ``version`` counts from 1; ``name`` is what
    people call it."""

    document: str
    name: str
    path: Path | None = None
    text: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is no archive. ``document``: its id. ``media_type``: of its content."""

    document: str
    version: int
    path: str
    media_type: str
    content: bytes


def folder_sources(source: Source, limits: IngestSettings) -> Iterator[Source | Problem]:
    """A source for each file in a folder, sorted by name. Links are not followed: they may lead anywhere, and round in circles."""
    root = source.path
    assert root is not None, "a folder has a path"
    count, unreadable = 0, list[OSError]()
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        folders.sort()
        for name in sorted(files) + [name for name in folders if Path(folder, name).is_symlink()]:
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            shown_path = f"{source.name}/{shown(relative)}"
            count += 1
            if count > limits.folder_files:
                yield Problem(
                    source.name, f"It holds more than {limits.folder_files} files (setting ingest.folder_files); the rest was left."
                )
                return
            if path.is_symlink():
                yield Problem(shown_path, "It is a link, and is not followed.")
            else:
                yield Source(member_id(source.document, relative), shown_path, path, version=source.version)
    for error in unreadable:
        yield Problem(f"{source.name}/{shown(Path(error.filename).relative_to(root).as_posix())}", f"It cannot be opened: {_said(error)}.")


def read(source: Source, limits: IngestSettings) -> Iterator[Item | Problem]:
    """The items of a source. Never raises for what is wrong with the source."""
    name = shown(source.name)
    if source.text is not None:
        yield from _opened(io.BytesIO(source.text.encode("utf-8", "replace")), source, name, limits)
        return
    assert source.path is not None, "a source is a file or text"
    try:
        # Not through a link, and without waiting for the other end of a pipe.
        descriptor = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        yield Problem(name, f"It cannot be opened: {_said(error)}.", document=source.document)
        return
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            yield from _opened(file, source, name, limits)
        else:
            yield Problem(name, "It is not an ordinary file.", document=source.document)


def _said(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()


def _opened(file: BinaryIO, source: Source, name: str, limits: IngestSettings) -> Iterator[Item | Problem]:
    yield from _Opening(source, limits, Budget(limits)).items(file, source.document, name, depth=0)


@dataclass(frozen=True, slots=True)
class _Opening:
    """One source that is being read, with the budget of all that is in it."""

    source: Source
    limits: IngestSettings
    budget: Budget

    def items(self, file: BinaryIO, document: str, path: str, depth: int) -> Iterator[Item | Problem]:
        try:
            yield from self._items(file, document, path, depth)
        except BadInput as error:
            if isinstance(error, Overspent) and depth:
                raise  # it is the whole source that is over the limit
            yield Problem(path, error.message, document=document)
        except OSError as error:
            yield Problem(path, f"It cannot be read: {_said(error)}.", document=document)

    def _items(self, file: BinaryIO, document: str, path: str, depth: int) -> Iterator[Item | Problem]:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            yield Problem(path, "It is empty.", document=document)
            return
        media = sniff(file, path, self.limits)
        if media in ARCHIVES or media == MAIL:
            yield from self._within(file, media, document, path, depth)
        elif size > self.limits.file_bytes:
            yield Problem(path, f"It is larger than {self.limits.file_bytes} bytes (setting ingest.file_bytes).", document=document)
        else:
            yield Item(document, self.source.version, path, media, file.read())

    def _within(self, file: BinaryIO, media: str, document: str, path: str, depth: int) -> Iterator[Item | Problem]:
        if depth >= self.limits.archive_depth:
            reason = f"It lies more than {self.limits.archive_depth} archives deep (setting ingest.archive_depth)."
            yield Problem(path, reason, document=document)
            return
        if media == MAIL:
            if file.seek(0, os.SEEK_END) > self.limits.file_bytes:
                yield Problem(path, f"It is larger than {self.limits.file_bytes} bytes (setting ingest.file_bytes).", document=document)
                return
            file.seek(0)
            content = file.read()
            yield Item(document, self.source.version, path, media, content)
            found = attachments(read_mail(io.BytesIO(content)), self.budget)
        else:
            found = members(file, media, path, self.budget)
        for member in found:
            inner = f"{path}/{shown(member.name)}"
            # By the name as it is: two hostile names may look the same.
            identity = member_id(document, member.name)
            if member.content is None:
                yield Problem(inner, member.reason, document=identity)
            else:
                yield from self.items(io.BytesIO(member.content), identity, inner, depth + 1)

"""A LoRA that somebody sends as a zip or tar file: the two files that matter, and nothing else, wherever they lie in it."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from cluster.errors import TooLarge, Unprocessable
from cluster.learning.adapters.peft_folder import CONFIG, CONFIG_BYTES, FILES

PIECE = 2**20
MOST_MEMBERS = 1000
# What lies beside the two files and is passed over, such as a tokenizer and a README, may be so many times as large as they may be.
PASSED_OVER = 4
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
DAMAGED = "The archive cannot be read; it is damaged, cut short, or protected by a password."

Member = tuple[str, int, IO[bytes]]


def unpack_adapter(archive: BinaryIO, target: Path, most_bytes: int) -> None:
    """Blocking. Writes ``adapter_config.json`` and ``adapter_model.safetensors`` into the folder ``target``. Names in the archive reach no
    path, and nothing is read beyond the limits. Raises Unprocessable and TooLarge, and OSError for what ``target`` cannot hold (a full
    disk), which is no fault of the archive."""
    found: set[str] = set()
    for name, size, source in _readable(archive, most_bytes):
        if name in found:
            raise Unprocessable(f"The archive holds {name} more than once; send one adapter.")
        found.add(name)
        _write(source, target / name, size, CONFIG_BYTES if name == CONFIG else most_bytes)
    missing = [name for name in FILES if name not in found]
    if missing:
        raise Unprocessable(f"The archive has no {' and no '.join(missing)}; pack the folder as PEFT's save_pretrained writes it.")


def _readable(archive: BinaryIO, most_bytes: int) -> Iterator[Member]:
    try:
        yield from _members(archive, most_bytes)
    except BROKEN:
        raise Unprocessable(DAMAGED) from None


def _piece(source: IO[bytes]) -> bytes:
    try:
        return source.read(PIECE)
    except BROKEN:
        raise Unprocessable(DAMAGED) from None


def _members(archive: BinaryIO, most_bytes: int) -> Iterator[Member]:
    archive.seek(0)
    if zipfile.is_zipfile(archive):
        archive.seek(0)
        return _zipped(archive)
    archive.seek(0)
    return _taped(archive, most_bytes)


def _zipped(archive: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        if len(infos) > MOST_MEMBERS:
            raise TooLarge(f"The archive holds more than {MOST_MEMBERS} files; send the adapter alone.")
        for info in infos:
            name = PurePosixPath(info.filename).name
            if name in FILES and not info.is_dir():
                with opened.open(info) as source:
                    yield name, info.file_size, source


def _taped(archive: BinaryIO, most_bytes: int) -> Iterator[Member]:
    """As a stream, once from its beginning to its end: what a tar says of itself is not to be believed."""
    try:
        opened = tarfile.open(fileobj=archive, mode="r|*")  # noqa: SIM115 - closed below; only here it is no tar
    except BROKEN:
        raise Unprocessable("The file is neither a zip nor a tar archive; send the adapter's folder as one.") from None
    with opened:
        passed = 0
        for number, info in enumerate(opened):
            if number >= MOST_MEMBERS:
                raise TooLarge(f"The archive holds more than {MOST_MEMBERS} files; send the adapter alone.")
            name = PurePosixPath(info.name).name
            source = opened.extractfile(info) if info.isreg() and name in FILES else None
            if source is not None:
                yield name, info.size, source
                continue
            passed += info.size
            if passed > PASSED_OVER * most_bytes:
                raise TooLarge("The archive holds more beside the adapter than the adapter may be; send the adapter alone.")


def _write(source: IO[bytes], target: Path, size: int, most: int) -> None:
    left = most
    with target.open("xb") as file:
        while piece := _piece(source):
            left -= len(piece)
            if left < 0:
                raise TooLarge(f"{target.name} has {max(size, most + 1)} bytes, at most {most} are taken (see the setting adapters.bytes).")
            file.write(piece)

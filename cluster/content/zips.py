"""Opening zip files that somebody else made: archives, Office files, books."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO

from cluster.errors import TooLarge, Unprocessable
from cluster.settings import IngestSettings

MIB = 2**20
PIECE = 64 * 1024
END, END_64 = b"PK\x05\x06", b"PK\x06\x06"
END_BYTES, END_64_BYTES, LOCATOR_BYTES, LONGEST_COMMENT = 22, 56, 20, 65535
IN_END_64 = 0xFFFFFFFF
# What a name and its attributes may take in the directory, on average.
ENTRY_BYTES = 512
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
BROKEN = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, struct.error, RuntimeError)


def open_zip(file: BinaryIO, limits: IngestSettings) -> zipfile.ZipFile:
    """The zip, its directory read. Raises TooLarge before a directory is read that would fill the memory, and Unprocessable."""
    try:
        size = _directory_bytes(file)
        if size > limits.archive_members * ENTRY_BYTES:
            raise TooLarge(f"It holds more than {limits.archive_members} files (setting ingest.archive_members).")
        file.seek(0)
        return zipfile.ZipFile(file)
    except BROKEN:
        raise Unprocessable("It is a zip file that is damaged or cut off.") from None


def member_refusal(member: zipfile.ZipInfo, limits: IngestSettings) -> str | None:
    """Why a file in a zip is not unpacked, if so."""
    if member.flag_bits & 1:
        return "It is protected by a password."
    if member.compress_type not in METHODS:
        return "It is packed in a way that is not read here; pack it as an ordinary zip (deflate)."
    if member.file_size > limits.file_bytes:
        return f"It is larger than {limits.file_bytes} bytes (setting ingest.file_bytes)."
    if member.file_size > MIB and member.file_size > limits.archive_ratio * max(1, member.compress_size):
        return f"It grows more than {limits.archive_ratio} times when unpacked (setting ingest.archive_ratio), as a zip bomb does."
    return None


def unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in a zip: never more than its directory says, which the limits were compared with."""
    parts, left = list[bytes](), member.file_size
    try:
        with archive.open(member) as file:
            # In pieces: asked for all, zipfile unpacks all there is before it cuts.
            while piece := file.read(PIECE):
                left -= len(piece)
                parts.append(piece)
    except (*BROKEN, zlib.error):
        raise Unprocessable("It is damaged.") from None
    if left:
        raise Unprocessable("It is damaged: its size is not what the archive says.")
    return b"".join(parts)


def refuse_bomb(file: BinaryIO, limits: IngestSettings) -> None:
    """For formats that are zips and are unpacked by a library: raises TooLarge or Unprocessable unless all in it is within the limits."""
    with open_zip(file, limits) as archive:
        members = archive.infolist()
    for member in members:
        if reason := member_refusal(member, limits):
            raise Unprocessable(f"A part of it cannot be taken: {reason}")
    if sum(member.file_size for member in members) > limits.file_bytes:
        raise TooLarge(f"Unpacked it is larger than {limits.file_bytes} bytes (setting ingest.file_bytes).")
    file.seek(0)


def _directory_bytes(file: BinaryIO) -> int:
    """Size of a zip's directory, as its end record says; zipfile reads exactly that much."""
    end = file.seek(0, 2)
    start = max(0, end - END_BYTES - LONGEST_COMMENT - END_64_BYTES - LOCATOR_BYTES)
    file.seek(start)
    tail = file.read(end - start)
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < END_BYTES:
        raise zipfile.BadZipFile
    (size,) = struct.unpack_from("<L", tail, at + 12)
    large = tail.rfind(END_64, 0, at)
    if large >= 0 and len(tail) - large >= END_64_BYTES:
        (size_64,) = struct.unpack_from("<Q", tail, large + 40)
        return max(int(size_64), 0 if size == IN_END_64 else int(size))
    return int(size)

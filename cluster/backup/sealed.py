"""A byte stream under a passphrase, sealed chunk by chunk: whatever was changed, cut off, swapped or appended does not open.

    file   = magic (8 bytes) | salt (16 bytes) | chunk*
    chunk  = AES-256-GCM(key, nonce, plain, associated data: magic | salt)       plain is 64 KiB; only the last may be shorter
    key    = scrypt(passphrase, salt, N = 2^17, r = 8, p = 1)                    128 MiB of memory for each guess
    nonce  = number of the chunk (11 bytes, big-endian) | 1 for the last chunk, else 0 (1 byte)

This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) as age uses it. The key belongs to one file, because its salt
does, so counted nonces never repeat under it. Other parameters would be another magic: a file cannot ask its reader for more memory.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cluster.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAGIC = b"HEARTHS\x01"
SALT, CHUNK, TAG = 16, 64 * 1024, 16


class Sealed(io.RawIOBase):
    """Seals what is written into ``file``. Whole only after :meth:`finish`; closing alone writes nothing."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._header = MAGIC + os.urandom(SALT)
        self._cipher = _cipher(passphrase, self._header)
        self._plain = bytearray()
        self._count = 0
        file.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        more = bytes(data)
        self._plain += more
        # A full chunk is kept back until more comes: only then is it known not to be the last.
        while len(self._plain) > CHUNK:
            self._seal(bytes(self._plain[:CHUNK]), last=False)
            del self._plain[:CHUNK]
        return len(more)

    def finish(self) -> None:
        self._seal(bytes(self._plain), last=True)
        self._plain.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._count, last=last), plain, self._header))
        self._count += 1


class Unsealed(io.RawIOBase):
    """Reads what :class:`Sealed` wrote. Nothing is handed out before its chunk is proven; raises BadInput when one is not."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._header = file.read(len(MAGIC) + SALT)
        self._cipher = _cipher(passphrase, self._header)
        self._next = file.read(CHUNK + TAG)
        self._ended = False
        self._plain = b""
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._plain and not self._ended:
            self._plain = self._open()
        room = memoryview(buffer).cast("B")
        given, self._plain = self._plain[: len(room)], self._plain[len(room) :]
        room[: len(given)] = given
        return len(given)

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._file.read(CHUNK + TAG)
        self._ended = not self._next
        try:
            plain = self._cipher.decrypt(_nonce(self._count, last=self._ended), sealed, self._header)
        except (InvalidTag, ValueError):
            first = "The passphrase is not the one this backup was made with, or the file is damaged"
            raise BadInput(f"{first if self._count == 0 else 'The backup is damaged or cut off'}; nothing was restored.") from None
        self._count += 1
        return plain


def is_sealed(file: BinaryIO) -> bool:
    """Whether a passphrase is needed; ``file`` stands at its beginning afterwards."""
    magic = file.read(len(MAGIC))
    file.seek(0)
    return magic == MAGIC


def _cipher(passphrase: str, header: bytes) -> AESGCM:
    key = Scrypt(salt=header[len(MAGIC) :].ljust(SALT, b"\0"), length=32, n=2**17, r=8, p=1).derive(passphrase.encode())
    return AESGCM(key)


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])

"""Reading an answer as far as it is wanted, and no further."""

from __future__ import annotations

import zlib

import httpcore2

from cluster.errors import RemoteFailed, TooLarge

ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
ACCEPTED = b"gzip, deflate"
STEP = 64 * 2**10


async def read_all(response: httpcore2.Response, headers: dict[str, str], most: int) -> bytes:
    """The content, unpacked. Raises TooLarge as soon as it is larger than ``most`` bytes, however well it was packed; RemoteFailed for an
    encoding that was not asked for, or that is broken."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most:
        raise _too_large(most)
    coding = headers.get("content-encoding", "").strip().lower()
    taken = Unpacked(coding, most)
    async for piece in response.aiter_stream():
        taken.add(piece)
    return taken.whole()


class Unpacked:
    """Content that arrives in pieces. Never holds more than ``most`` bytes and one step beyond."""

    def __init__(self, coding: str, most: int) -> None:
        self._most = most
        self._content = bytearray()
        self._pieces = 0
        self._inflate = None
        if coding not in {"", "identity"}:
            if coding not in ENCODINGS:
                raise RemoteFailed(f"The answer is packed as '{coding[:40]}', which was not asked for.")
            self._inflate = zlib.decompressobj(ENCODINGS[coding])

    def add(self, piece: bytes) -> None:
        self._pieces += len(piece)
        if self._inflate is None:
            self._keep(piece)
            return
        try:
            while piece:
                self._keep(self._inflate.decompress(piece, STEP))
                piece = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise RemoteFailed(f"The answer cannot be unpacked ({error}).") from None

    def whole(self) -> bytes:
        if self._inflate is not None and self._pieces and not self._inflate.eof:
            raise RemoteFailed("The answer ends before what is packed in it does.")
        return bytes(self._content)

    def _keep(self, piece: bytes) -> None:
        self._content += piece
        if len(self._content) > self._most:
            raise _too_large(self._most)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The answer is larger than {most} bytes (setting outgoing.response_bytes, or the request's own limit).")

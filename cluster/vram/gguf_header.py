"""The header of a GGUF file: its plain values and the size of its weights.

Written out here because the ``gguf`` library's reader makes an object for every token: 7.5 s for a vocabulary of 150 000 with its merges,
against 0.02 s for walking over them. The layout is that of the GGUF specification, version 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from cluster.errors import ConfigError

MAGIC = b"GGUF"
# Value types of the specification: number -> struct format.
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
DEFAULT_ALIGNMENT = 32

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """``values``: the scalars by key; ``arrays``: the numbers of each array of numbers; ``lengths``: the length of every array.
    ``size_bytes``: of the tensors' data; ``parameters``: their elements; ``shapes``: dimensions by tensor, the innermost first."""

    values: dict[str, Scalar]
    arrays: dict[str, tuple[float, ...]]
    lengths: dict[str, int]
    size_bytes: int
    parameters: int
    shapes: dict[str, tuple[int, ...]]


def read_header(path: Path) -> GgufHeader:
    """Raises ConfigError when the file is not GGUF, is cut off inside its header, or is big-endian or of another version."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Walk(data, path).header()
    except (struct.error, ValueError, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable GGUF file ({error}); pull the model again.") from None


class _Walk:
    """A position in the file that moves over what it reads."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self._data, self._at = data, 0
        self._size = path.stat().st_size

    def header(self) -> GgufHeader:
        if self._data[:4] != MAGIC:
            raise ValueError("it does not begin with 'GGUF'")
        self._at = 4
        if (version := self._number("<I")) not in {2, 3}:
            raise ValueError(f"version {version}")
        tensors, pairs = self._number("<Q"), self._number("<Q")
        values: dict[str, Scalar] = {}
        arrays: dict[str, tuple[float, ...]] = {}
        lengths: dict[str, int] = {}
        for _ in range(pairs):
            key, kind = self._string(), self._number("<I")
            if kind == ARRAY:
                lengths[key], numbers = self._array()
                if numbers:
                    arrays[key] = numbers
            else:
                values[key] = self._string() if kind == STRING else self._scalar(kind)
        shapes = dict(self._tensor() for _ in range(tensors))
        alignment = int(values.get("general.alignment", DEFAULT_ALIGNMENT))
        start = -(-self._at // alignment) * alignment
        return GgufHeader(values, arrays, lengths, max(0, self._size - start), sum(map(prod, shapes.values())), shapes)

    def _number(self, form: str) -> int:
        return int(self._unpack(form))

    def _unpack(self, form: str) -> float:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return float(value) if isinstance(value, float) else int(value)

    def _scalar(self, kind: int) -> float:
        if kind not in SCALARS:
            raise ValueError(f"value type {kind}")
        return self._unpack(SCALARS[kind])

    def _string(self) -> str:
        length = self._number("<Q")
        raw = self._data[self._at : self._at + length]
        if len(raw) < length:
            raise ValueError("it ends inside its header")
        self._at += length
        return raw.decode("utf-8")

    def _array(self) -> tuple[int, tuple[float, ...]]:
        """Length, and the numbers of a short array of numbers (one for each layer); long ones and strings are walked over."""
        kind, length = self._number("<I"), self._number("<Q")
        if kind == STRING:
            self._skip_strings(length)
            return length, ()
        if kind == ARRAY:
            for _ in range(length):
                self._array()
            return length, ()
        if kind not in SCALARS:
            raise ValueError(f"value type {kind}")
        if length <= 1024:
            return length, tuple(self._scalar(kind) for _ in range(length))
        self._at += length * struct.calcsize(SCALARS[kind])
        return length, ()

    def _skip_strings(self, count: int) -> None:
        unpack, data, at = struct.Struct("<Q").unpack_from, self._data, self._at
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self._at = at

    def _tensor(self) -> tuple[str, tuple[int, ...]]:
        """The next one, of which the header has name, dimensions, type and offset."""
        name = self._string()
        dimensions = tuple(self._number("<Q") for _ in range(self._number("<I")))
        self._at += struct.calcsize("<IQ")
        return name, dimensions

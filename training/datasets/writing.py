"""The texts of examples on disk, and the files of a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.learning.datasets.datasheet import as_markdown
from cluster.learning.datasets.folders import SHEET, SHEET_MARKDOWN, file_of
from cluster.learning.datasets.recipe import SPLITS, Shape, Split
from cluster.learning.example import Example
from training.datasets.sifting import Entry


class Texts:
    """Examples as lines of one file, so that memory holds none but the one that is asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w+b")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, text: str) -> tuple[int, int]:
        """Where it is, for :meth:`line`."""
        raw = text.encode() + b"\n"
        at = self._file.seek(self._end)
        self._end += self._file.write(raw)
        return at, len(raw)

    def line(self, entry: Entry) -> bytes:
        self._file.seek(entry.offset)
        return self._file.read(entry.length)

    def example(self, entry: Entry) -> Example:
        return Example.model_validate_json(self.line(entry))


def write_splits(folder: Path, splits: Mapping[Split, Sequence[Entry]], texts: Texts, shape: Shape) -> str:
    """Writes both files, and returns the version's SHA-256: that of its shape and of the SHA-256 of each file."""
    content = hashlib.sha256(f"{shape}\n".encode())
    for split in SPLITS:
        digest = hashlib.sha256()
        with (folder / file_of(split)).open("wb") as file:
            for entry in splits[split]:
                line = texts.line(entry)
                digest.update(line)
                file.write(line)
        content.update(f"{split} {digest.hexdigest()}\n".encode())
    return content.hexdigest()


def write_sheet(folder: Path, sheet: Mapping[str, Any]) -> None:
    (folder / SHEET).write_text(json.dumps(sheet, ensure_ascii=False, indent=2) + "\n")
    (folder / SHEET_MARKDOWN).write_text(as_markdown(sheet))

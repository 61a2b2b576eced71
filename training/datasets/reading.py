"""Sources, one after the other, into blocks on disk, of which memory holds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from cluster.errors import TooLarge
from cluster.learning.datasets.erasing import Erased, is_erased
from cluster.learning.datasets.origins import Library, Line, Origin
from cluster.learning.datasets.recipe import Recipe, SourceSpec, UploadSource
from cluster.learning.example import Example
from training.datasets.tally import Tally

# ``line``: of a file, else an example of ours. ``user_id`` may be missing.
GIVEN = pa.schema(
    [
        ("kind", pa.string()),
        ("source_id", pa.string()),
        ("user_id", pa.string()),
        ("place", pa.string()),
        ("line", pa.bool_()),
        ("raw", pa.binary()),
    ]
)


class Reading:
    """``told``: called with how many were read, now and then."""

    def __init__(self, library: Library, folder: Path, tally: Tally, gone: Erased, told: Callable[[int], None]) -> None:
        self._library = library
        self._folder = folder
        self._tally = tally
        self._gone = gone
        self._told = told
        self._rows: list[dict[str, Any]] = []
        self._blocks: list[Path] = []

    async def read(self, recipe: Recipe, origins: Mapping[str, Origin]) -> list[Path]:
        """The blocks, tables as of GIVEN. Raises TooLarge for more than ``datasets.most_examples``."""
        for source in recipe.sources:
            name = named(source)
            async for given in origins[source.kind](self._library, source):
                self._tally.read[name] += 1
                self._take(given)
        self._write()
        return self._blocks

    def _take(self, given: Example | Line) -> None:
        limits = self._library.settings.datasets
        if self._tally.total > limits.most_examples:
            raise TooLarge(f"The sources hold more than {limits.most_examples} examples (setting datasets.most_examples); take fewer.")
        place = given.place if isinstance(given, Line) else f"{given.source.kind} {given.source.id}"
        raw = given.raw if isinstance(given, Line) else given.model_dump_json().encode()
        if is_erased(given.source, self._gone):
            self._tally.drop("erased", place, "")
        elif raw is None or len(raw) > limits.line_bytes:
            self._tally.drop("over_long", place, f"It has more than {int(limits.line_bytes)} bytes (setting datasets.line_bytes).")
        else:
            row = {"kind": given.source.kind, "source_id": given.source.id, "user_id": given.source.user_id}
            self._rows.append({**row, "place": place, "line": isinstance(given, Line), "raw": raw})
        if len(self._rows) >= limits.block_examples:
            self._write()

    def _write(self) -> None:
        if self._rows:
            block = self._folder / f"{len(self._blocks):06}.parquet"
            pq.write_table(pa.Table.from_pylist(self._rows, schema=GIVEN), block)
            self._blocks.append(block)
            self._rows = []
        self._told(self._tally.total)


def named(source: SourceSpec) -> str:
    """As a datasheet calls it."""
    if isinstance(source, UploadSource):
        return f"{source.kind} {source.file_id}"
    tasks = f" of {', '.join(source.tasks)}" if source.tasks else ""
    return f"{source.kind}{tasks}" + (f" since {source.since.isoformat()}" if source.since else "")

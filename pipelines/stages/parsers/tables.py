"""Tables: CSV and its kin, and Excel. Rows are lines of text, in groups that each begin with the table's first row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import islice
from zipfile import BadZipFile

import openpyxl

from cluster.content.sniff import decode
from cluster.content.zips import refuse_bomb
from cluster.errors import Unprocessable
from cluster.settings import IngestSettings
from pipelines.stages.pieces import Draft, Parsed

# Characters after which a table goes on in another piece.
PIECE_CHARS = 4000
# What a header that is repeated may take of that.
HEADER_CHARS = 500
SAMPLE = 8192
BROKEN = (BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError)


def separated(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """CSV, the separator told by its first lines; or values between tabs."""
    text = decode(content, limits.text_chars)
    draft = Draft(limits.text_chars)
    if len(text) > limits.text_chars:
        draft.caution(f"Its text was cut after {limits.text_chars} characters (setting ingest.text_chars).")
        text = text[: limits.text_chars]
    # The whole text is in memory and within the limit, so no cell can be larger.
    csv.field_size_limit(max(limits.text_chars, 131_072))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "tab" in media_type else _delimiter(text))
    try:
        table(draft, rows, limits)
    except csv.Error as error:
        raise Unprocessable(f"It is not a table of separated values ({error}).") from None
    return draft.parsed(media_type)


def excel(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """A heading and a table for each sheet; values as Excel saved them, no formula is computed."""
    refuse_bomb(BytesIO(content), limits)
    draft = Draft(limits.text_chars)
    try:
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            # What a sheet says of its size may be wrong, and rows would be filled up to it.
            sheet.reset_dimensions()
            draft.add("heading", sheet.title, level=1)
            table(draft, sheet.iter_rows(values_only=True), limits)
        book.close()
    except BROKEN as error:
        raise Unprocessable(f"It is an Excel file that is damaged ({type(error).__name__}).") from None
    return draft.parsed(media_type)


def table(draft: Draft, rows: Iterable[Sequence[object]], limits: IngestSettings) -> None:
    """Adds a table, cut to the limits."""
    header, lines, size = "", list[str](), 0
    # One more than the limit, to see whether there is more; rows may be empty, so as many are looked at as would be taken.
    for number, row in enumerate(islice(rows, limits.table_rows + 1)):
        if number == limits.table_rows:
            draft.caution(f"A table was cut after {limits.table_rows} rows (setting ingest.table_rows).")
            break
        line = _line(draft, row, limits)
        if not line or draft.full:
            continue
        if not header and not lines:
            header = line if len(line) <= HEADER_CHARS else ""
        elif size + len(line) > PIECE_CHARS:
            draft.add("table", "\n".join(lines))
            lines, size = [header] if header else [], len(header)
        lines.append(line)
        size += len(line) + 1
    draft.add("table", "\n".join(lines))


def _line(draft: Draft, row: Sequence[object], limits: IngestSettings) -> str:
    if len(row) > limits.table_columns:
        draft.caution(f"A table was cut after {limits.table_columns} of {len(row)} columns (setting ingest.table_columns).")
    cells = [" ".join(str(cell).split()) if cell is not None else "" for cell in row[: limits.table_columns]]
    if any(len(cell) > limits.cell_chars for cell in cells):
        draft.caution(f"A cell was cut after {limits.cell_chars} characters (setting ingest.cell_chars).")
        cells = [cell[: limits.cell_chars] for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return " | ".join(cells)


def _delimiter(text: str) -> str:
    sample = text[:SAMPLE].rpartition("\n")[0] or text[:SAMPLE]
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","

"""Tables as CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

# A spreadsheet would run what begins so as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """``rows`` as CSV (RFC 4180). A cell that begins like a formula gets an apostrophe in front, which spreadsheets do not show."""
    written = io.StringIO()
    csv.writer(written).writerows(["'" + cell if cell.startswith(FORMULA) else cell for cell in row] for row in rows)
    return written.getvalue()

"""Pages of lists: a cursor says where the next one begins, in words that only we read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from cluster.errors import BadInput

T = TypeVar("T")


def cursor_from(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def place_in(cursor: str | None) -> str | None:
    """Where a page begins; None: at the beginning. Raises BadInput for what was never a cursor of ours."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput("The cursor is none that was given out; begin without one.").about("cursor") from None


def page_of(rows: Sequence[T], most: int, place: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The first ``most`` of ``rows``, which are one more where there are more, and the cursor behind them."""
    shown = rows[:most]
    return shown, cursor_from(place(shown[-1])) if len(rows) > most else None

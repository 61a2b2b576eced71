"""Values as the database keeps them: JSON, bounded, without what PostgreSQL's JSON cannot hold."""

from __future__ import annotations

import json
from typing import Any

from cluster.errors import BadInput, TooLarge


def storable(value: Any, most: int, what: str, setting: str) -> Any:
    """``value``, with U+FFFD for every NUL and lone surrogate in its texts. Raises TooLarge for more than ``most`` bytes of JSON (the
    setting ``graphs.<setting>``, unless it names another group), BadInput for what is not JSON."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode("utf-8", "surrogatepass"))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{what} is not JSON: {str(error)[:300]}.") from None
    if size > most:
        named = setting if "." in setting else f"graphs.{setting}"
        raise TooLarge(f"{what} has {size} bytes, at most {most} are taken (setting {named}).")
    return value if _clean(text) else _cleaned(value)


def shortened(text: str, most: int) -> str:
    """``text`` with at most ``most`` characters, and a sign where there were more."""
    text = _cleaned(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def summary(value: Any, most: int) -> str:
    """A value as a person reads it in a line: a text as it is, anything else as JSON, cut at ``most`` characters."""
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), most)


def _clean(text: str) -> bool:
    # In JSON a NUL is an escape; the rare text that spells the escape itself is only looked at twice.
    return "\\u0000" not in text and not any("\ud800" <= character <= "\udfff" for character in text if character > "\ud7ff")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value

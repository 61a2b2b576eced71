"""Files of labels: JSON lines of our own, Label Studio's tasks, and Argilla's records. Each format writes one record and reads it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Protocol

from pydantic import ValidationError
from pydantic_core import from_json

from cluster.errors import Unprocessable
from cluster.learning.labels.formats import argilla, jsonl, label_studio
from cluster.learning.labels.record import Record

FormatName = Literal["jsonl", "label_studio", "argilla"]


class Format(Protocol):
    """``LINES``: a record a line; else one JSON list of all. ``load`` raises ValueError with one sentence."""

    LINES: ClassVar[bool]

    @staticmethod
    def dump(record: Record, kind: str) -> dict[str, Any]: ...

    @staticmethod
    def load(raw: dict[str, Any], kind: str) -> Record: ...


FORMATS: dict[FormatName, Format] = {"jsonl": jsonl.Jsonl(), "label_studio": label_studio.LabelStudio(), "argilla": argilla.Argilla()}


def records(raw: bytes, name: FormatName, kind: str) -> Iterator[Record]:
    """The records of a file, for a campaign of ``kind``. A list and JSON lines are both taken, whatever the format. Raises Unprocessable,
    saying which record is wrong."""
    for number, one in enumerate(_objects(raw), 1):
        try:
            if not isinstance(one, dict):
                raise ValueError(f"it is {type(one).__name__}, not an object")  # noqa: TRY301, TRY004 - told together with what else is wrong
            yield FORMATS[name].load(one, kind)
        except (ValidationError, ValueError, TypeError, AttributeError, KeyError, Unprocessable) as error:  # whatever shape others write
            raise Unprocessable(f"Record {number} is not one of {name}: {_said(error)}") from None


def _objects(raw: bytes) -> Iterator[object]:
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"["):
        yield from _json(text, 1)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _json(line, number)


def _json(raw: bytes, number: int) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Unprocessable(f"Line {number} is not JSON: {error}. Send a list of records, or one in each line.") from None


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"'{'.'.join(map(str, first['loc']))}': {first['msg']}."
    if isinstance(error, TypeError | AttributeError | KeyError):
        return "its parts are not of the types that they should be; compare it with an export."
    return str(error).rstrip(".") + "."

"""Sets of items: JSONL files, one ``Example`` to a line."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import ValidationError

from cluster.errors import NotFound, Unprocessable
from cluster.learning.example import Example


@dataclass(frozen=True, slots=True)
class ItemSet:
    """``sha256``: of the file, so that a verdict says what was asked."""

    items: Sequence[Example]
    sha256: str


def read_items(path: Path, most: int, seed: int) -> ItemSet:
    """The items of a file; of more than ``most``, those that ``seed`` chooses, in their order. Raises NotFound, and Unprocessable for a
    line that is no Example."""
    try:
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        with path.open(encoding="utf-8") as lines:
            found = [_example(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path.name}, whose items are to be asked.") from None
    except UnicodeDecodeError:
        raise Unprocessable(f"{path.name} is not UTF-8; give a JSONL file of examples.") from None
    return ItemSet(_chosen(found, most, seed), digest)


def subject_of(example: Example) -> uuid.UUID | None:
    """Whose words it holds: None where no account of ours is named."""
    try:
        return uuid.UUID(example.source.user_id) if example.source.user_id is not None else None
    except ValueError:
        return None


def _chosen(found: Sequence[Example], most: int, seed: int) -> Sequence[Example]:
    if len(found) <= most:
        return found
    places = Random(seed).sample(range(len(found)), most)  # noqa: S311 - chooses items, guards nothing
    return [found[place] for place in sorted(places)]


def _example(line: str, number: int, path: Path) -> Example:
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise Unprocessable(f"Line {number} of {path.name} is no example: {where}: {first['msg']}.") from None

"""Our own format: everything that is known of an item, one to a line."""

from __future__ import annotations

from typing import Any, ClassVar

from cluster.learning.labels.record import Record


class Jsonl:
    LINES: ClassVar[bool] = True

    @staticmethod
    def dump(record: Record, kind: str) -> dict[str, Any]:
        return record.model_dump(mode="json")

    @staticmethod
    def load(raw: dict[str, Any], kind: str) -> Record:
        return Record.model_validate(raw)

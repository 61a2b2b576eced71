"""What OpenAI's API calls our rows: a word for what it is, and the row's id in hexadecimal."""

from __future__ import annotations

import re
import uuid

_HEX = re.compile(r"[0-9a-f]{32}")


def file_name(file_id: uuid.UUID) -> str:
    return f"file-{file_id.hex}"


def batch_name(batch_id: uuid.UUID) -> str:
    return f"batch_{batch_id.hex}"


def request_name(batch_id: uuid.UUID, line: int) -> str:
    """Of one request, whichever attempt answers it."""
    return f"batch_req_{uuid.uuid5(batch_id, str(line)).hex}"


def file_id_of(name: str) -> uuid.UUID | None:
    """None for what :func:`file_name` did not make."""
    return _id_of(name, "file-")


def batch_id_of(name: str) -> uuid.UUID | None:
    return _id_of(name, "batch_")


def _id_of(name: str, prefix: str) -> uuid.UUID | None:
    rest = name.removeprefix(prefix)
    return uuid.UUID(rest) if name.startswith(prefix) and _HEX.fullmatch(rest) else None

"""Lines of a file of requests, each a JSON object::

    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "nano-llm", "messages": [...]}}

The file is read line by line and never held; what is kept of a request is where it stands.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from cluster.settings import BatchSettings

# More mistakes than these are not listed.
MISTAKES = 100
CUSTOM_ID_CHARS = 512
FIELDS = frozenset({"custom_id", "method", "url", "body"})


@dataclass(frozen=True, slots=True)
class Request:
    """``line``: its number in the file, from 1. ``offset``, ``length``: where its bytes are."""

    line: int
    offset: int
    length: int
    custom_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a batch is refused. ``line`` None: it is about the whole file."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


@dataclass(slots=True)
class Examined:
    """``requests``: those of the lines that are right, in their order."""

    requests: list[Request] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def examine(file: BinaryIO, endpoint: str, models: Container[str] | None, limits: BatchSettings) -> Examined:
    """All of ``file``. ``models``: those that may be asked; None: they are not looked at."""
    found, seen = Examined(), set[str]()
    for number, offset, raw in _lines(file, int(limits.line_bytes)):
        if len(found.requests) >= limits.requests or len(found.mistakes) >= MISTAKES:
            break
        request = _request(number, offset, raw, endpoint, models, int(limits.line_bytes))
        if isinstance(request, Request) and request.custom_id in seen:
            request = Mistake(
                "duplicate_custom_id", f"'{request.custom_id[:100]}' is the custom_id of an earlier line.", "custom_id", number
            )
        if isinstance(request, Mistake):
            found.mistakes.append(request)
        else:
            seen.add(request.custom_id)
            found.requests.append(request)
    else:
        if not found.requests and not found.mistakes:
            found.mistakes.append(Mistake("empty_file", "The file holds no requests; write one to a line."))
        return found
    if not found.mistakes:
        message = f"The file holds more than {limits.requests} requests (setting batches.requests); split it."
        found.mistakes.append(Mistake("too_many_requests", message))
    return found


def body_of(raw: bytes) -> dict[str, Any]:
    """The body of the request that stands in ``raw``, a line that was examined."""
    body: dict[str, Any] = json.loads(raw.decode("utf-8-sig"))["body"]
    return body


def _lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and bytes of each line that is not blank; one that is too long is cut behind ``longest`` bytes."""
    number = offset = 0
    while raw := file.readline(longest + 1):
        size = len(raw)
        while not raw.endswith(b"\n") and size > longest and (rest := file.readline(2**20)):
            size += len(rest)
            if rest.endswith(b"\n"):
                break
        number += 1
        if raw.strip():
            yield number, offset, raw
        offset += size


def _request(number: int, offset: int, raw: bytes, endpoint: str, models: Container[str] | None, longest: int) -> Request | Mistake:
    if len(raw) > longest and not raw.endswith(b"\n"):
        return Mistake("line_too_long", f"The line has more than {longest} bytes (setting batches.line_bytes).", line=number)
    try:
        # A byte order mark is what some programs begin a file with.
        told = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return Mistake("invalid_json_line", f"The line is not a JSON object in UTF-8: {error}.", line=number)
    wrong = _mistake(told, endpoint, models) if isinstance(told, dict) else ("invalid_json_line", "The line is not a JSON object.", None)
    if wrong is not None:
        return Mistake(*wrong, line=number)
    return Request(number, offset, len(raw), told["custom_id"], told["body"]["model"])


def _mistake(told: dict[str, Any], endpoint: str, models: Container[str] | None) -> tuple[str, str, str | None] | None:
    """Code, sentence and field of what is wrong first."""
    custom_id, body = told.get("custom_id"), told.get("body")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= CUSTOM_ID_CHARS:
        return "invalid_custom_id", f"'custom_id' must be a text of 1 to {CUSTOM_ID_CHARS} characters.", "custom_id"
    if told.get("method") != "POST":
        return "invalid_method", "'method' must be 'POST'.", "method"
    if told.get("url") != endpoint:
        return "invalid_url", f"'url' must be the batch's endpoint, {endpoint}.", "url"
    if surplus := sorted(told.keys() - FIELDS):
        return (
            "invalid_request",
            f"'{surplus[0][:100]}' is not a field of a request; there are {', '.join(sorted(FIELDS))}.",
            surplus[0][:100],
        )
    if not isinstance(body, dict):
        return "invalid_request", "'body' must be an object, as the endpoint takes it.", "body"
    return _mistake_in_body(body, models)


def _mistake_in_body(body: dict[str, Any], models: Container[str] | None) -> tuple[str, str, str | None] | None:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return "invalid_request", "'body.model' must name a model.", "body.model"
    if models is not None and model not in models:
        return "model_not_found", f"There is no model '{model[:200]}'; GET /v1/models lists those there are.", "body.model"
    if body.get("stream"):
        return "invalid_request", "'body.stream' must not be set: a batch has whole answers.", "body.stream"
    return None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")

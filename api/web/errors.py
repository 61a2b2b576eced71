"""One error shape for everything that goes wrong: OpenAI's, with the request id in a header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.errors import BadInput, HearthError
from cluster.specs.loader import nearest
from cluster.stores.away import as_told

log = structlog.get_logger(__name__)

INTERNAL = HearthError("Something went wrong on the server; the log has the details under the request id of this answer.")


class ErrorDetail(BaseModel):
    message: str = Field(description="One sentence that says what to do next.")
    type: str = Field(description="Family of the error: invalid_request_error, rate_limit_error or server_error.")
    param: str | None = Field(description="Path of the field that is wrong, where there is one.")
    code: str = Field(description="Machine-readable name of the error.")


class ErrorBody(BaseModel):
    """What every error answers, in the shape of the OpenAI API."""

    error: ErrorDetail


def error_json(error: HearthError) -> bytes:
    """The body of ``error``; also the data of an error event in a stream."""
    detail = ErrorDetail(message=error.message, type=error.type, param=error.param, code=error.code)
    return to_json(ErrorBody(error=detail))


def error_response(error: HearthError, headers: Mapping[str, str] | None = None) -> Response:
    retry = getattr(error, "retry_after_s", None)
    waits = {"Retry-After": str(retry)} if isinstance(retry, int) else {}
    return Response(error_json(error), error.status, {**(headers or {}), **waits}, media_type="application/json")


async def refuse(error: HearthError, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str] | None = None) -> None:
    """Answers a request, or the handshake of a WebSocket, with ``error``."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
        return
    await error_response(error, headers)(scope, receive, send)


def ours(error: BaseException) -> HearthError | None:
    """The error of our tree in ``error``: itself, or what Ray wrapped (its task errors keep the original as ``cause``)."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        if isinstance(seen, HearthError) and not isinstance(cause, HearthError):
            return seen
        seen = cause if isinstance(cause, BaseException) else None
    return None


def public(error: Exception) -> HearthError:
    """What a caller may know of ``error``: itself if it is ours, that a store does not answer, else that something went wrong. What is not
    ours, or says that the server failed, is logged."""
    known = ours(error) or as_told(error)
    if known is None:
        log.error("unexpected error", exc_info=error)
        return INTERNAL
    if known.status >= 500:
        log.warning("request failed", error=type(known).__name__, message=known.message)
    return known


class CrashMiddleware:
    """Turns any exception that reaches it into the error shape, unless the answer has already begun: then the connection is cut.

    Starlette's own handler for ``Exception`` raises it again after answering, which the server in front would log a second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await error_response(public(error))(scope, receive, send)


def install_error_handlers(app: FastAPI, paths: Sequence[str]) -> None:
    """``paths``: templates of all routes, from which an unknown path's nearest is named."""

    async def on_hearth_error(_: Request, error: Exception) -> Response:
        return error_response(public(error))

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http_error(request, error, paths)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return error_response(explain(error.errors(), None, skip=1))

    app.add_exception_handler(HearthError, on_hearth_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid)


class _HttpError(HearthError):
    """The error shape for what the web framework itself refuses (no such path or method); made and rendered on the spot."""

    type = "invalid_request_error"

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code  # type: ignore[misc]  # the only error whose status is the framework's choice


def _http_error(request: Request, error: HTTPException, paths: Sequence[str]) -> Response:
    path = request.url.path
    if error.status_code == 404:
        hint = nearest(path, paths)
        message = f"There is nothing at {path[:200]}; " + (f"did you mean {hint}?" if hint else "GET /docs lists every path.")
        return error_response(_HttpError(message, 404, "not_found"))
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{path[:200]} does not take {request.method}; use {allowed}."
        return error_response(_HttpError(message, 405, "method_not_allowed"), error.headers)
    return error_response(_HttpError(f"{error.detail}", error.status_code, "bad_input"), error.headers)


def explain(
    errors: Sequence[ErrorDetails], tree: object, *, fields: Sequence[str] = (), kind: type[BadInput] = BadInput, skip: int = 0
) -> BadInput:
    """Pydantic's ``errors`` about ``tree`` as one sentence about one field: the one deepest in ``tree``, because in a union the branch
    that got furthest is the one that was meant. ``fields``: what may stand at the top, for naming the nearest."""
    paths = [_path(error["loc"][skip:], tree, error["type"]) + _tag(error) for error in errors]
    best = max(range(len(errors)), key=lambda i: (paths[i].count("."), -i))
    error, param = errors[best], paths[best]
    return kind(_sentence(error, param, fields)).about(param or None)


def _path(loc: Sequence[int | str], tree: object, kind: str) -> str:
    """``loc`` without what is not part of what was sent: names of union branches, places in what a validator made of the input."""
    parts: list[str] = []
    known = tree is not None
    for position, part in enumerate(loc):
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            items: list[object] = tree
            tree = items[part]
        elif known and not (kind == "missing" and position == len(loc) - 1):
            continue
        parts.append(str(part))
    return ".".join(parts)


def _tag(error: ErrorDetails) -> str:
    """Where a field says which branch of a union is meant, and says it wrongly, that field is the mistake."""
    return "." + error["ctx"]["discriminator"].strip("'") if error["type"].startswith("union_tag") else ""


def _sentence(error: ErrorDetails, param: str, fields: Sequence[str]) -> str:
    if error["type"] == "extra_forbidden":
        hint = nearest(param, fields)
        return f"'{param}' is not a parameter of this endpoint" + (f"; did you mean '{hint}'?" if hint else "; remove it.")
    if error["type"] in {"missing", "union_tag_not_found"}:
        return f"'{param}' is missing."
    if error["type"] == "union_tag_invalid":
        return f"'{param}' must be one of {error['ctx']['expected_tags']} (found {error['ctx']['tag'][:60]!r})."
    message = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"][0].lower() + error["msg"][1:]
    message = message.removesuffix(".")
    return f"'{param}': {message}{_found(error)}." if param else f"{message[0].upper()}{message[1:]}."


def _found(error: ErrorDetails) -> str:
    value = error.get("input")
    if error["type"] == "value_error" or not isinstance(value, int | float | str | bool | None) or len(repr(value)) > 60:
        return ""
    return f" (found {value!r})"

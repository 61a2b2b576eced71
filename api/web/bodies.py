"""Reading request bodies strictly. FastAPI's own reading is not used: it takes NaN, converts between types, and reports a broken body as
its own exception classes, from which neither status nor sentence could be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from api.web.errors import explain
from cluster.errors import BadInput, Cancelled, Unprocessable, UnsupportedMedia

BodyT = TypeVar("BodyT", bound=BaseModel)


def content_type(request: Request) -> str:
    """The media type of the body, lower-case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_body(shape: type[BodyT], wrong: type[BadInput] = BadInput) -> Callable[[Request], Awaitable[BodyT]]:
    """A dependency that reads a JSON body of ``shape``. ``wrong``: the error for JSON of another shape (its status differs between
    ``/v1``, where OpenAI's is 400, and ``/api/v1``)."""

    async def read(request: Request) -> BodyT:
        return await read_json(request, shape, wrong)

    return read


async def read_json(request: Request, shape: type[BodyT], wrong: type[BadInput] = BadInput) -> BodyT:
    """The body as ``shape``. Raises UnsupportedMedia for another content type, BadInput for no JSON, ``wrong`` for another shape."""
    kind = content_type(request)
    if kind != "application/json":
        raise UnsupportedMedia(f"This endpoint takes JSON, found {kind[:100] or 'no content type'}; send Content-Type: application/json.")
    refuse_repeated(name for name, _ in request.query_params.multi_items())
    return validated(parse_json(await read_all(request)), shape, wrong)


async def read_all(request: Request) -> bytes:
    """The whole body. Raises Cancelled if the caller leaves before its end (and what the body limits raise)."""
    try:
        return await request.body()
    except ClientDisconnect:
        raise Cancelled("The caller left before the request was complete.") from None


def parse_json(raw: bytes) -> object:
    """``raw`` as JSON. Raises BadInput for what is not JSON in UTF-8, is nested too deeply, or holds a NUL character (which ends a text
    early in engines written in C)."""
    if not raw:
        raise BadInput("The request body is empty; send a JSON object.")
    try:
        tree: object = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadInput(f"The request body is not valid JSON: {error}.") from None
    if b"\\u0000" in raw and (where := _nul(tree, "")) is not None:
        raise BadInput(f"'{where}' holds a NUL character; remove it.").about(where)
    return tree


def validated(tree: object, shape: type[BodyT], wrong: type[BadInput] = BadInput) -> BodyT:
    """``tree`` as ``shape``, or ``wrong`` with one sentence about the first mistake."""
    try:
        return shape.model_validate(tree)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), tree, fields=list(shape.model_fields), kind=wrong) from None


def refuse_repeated(names: Iterable[str]) -> None:
    """Raises BadInput for a parameter or field that is given twice, unless its name says that it is a list (``name[]``): which one is
    meant cannot be known."""
    seen: set[str] = set()
    for name in names:
        if name in seen and not name.endswith("[]"):
            raise BadInput(f"'{name[:100]}' is given more than once; give it once.").about(name[:100])
        seen.add(name)


def _nul(tree: object, path: str) -> str | None:
    """Path of the first text in ``tree`` with a NUL character."""
    if isinstance(tree, str):
        return path if "\x00" in tree else None
    if isinstance(tree, dict):
        items = [(f"{path}.{key}".lstrip("."), value) for key, value in tree.items()]
        if any("\x00" in key for key in tree):
            return path or "body"
    elif isinstance(tree, list):
        items = [(f"{path}.{index}".lstrip("."), value) for index, value in enumerate(tree)]
    else:
        return None
    return next((found for where, item in items if (found := _nul(item, where)) is not None), None)


def query(request: HTTPConnection, shape: type[BodyT]) -> BodyT:
    """The query string as ``shape``; raises Unprocessable with one sentence about the first mistake."""
    items = request.query_params.multi_items()
    refuse_repeated(name for name, _ in items)
    return validated(dict(items), shape, Unprocessable)

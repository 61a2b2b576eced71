"""What the interactive docs and ``/openapi.json`` say, and the page that shows it without reaching for the network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.responses import HTMLResponse

from api.web.authenticate import KEY_HEADER, KEY_PATHS, METRICS, PUBLIC
from api.web.errors import ErrorBody

Document = dict[str, Any]

_REASONS = {
    400: ("bad_input", "The request cannot be carried out as written."),
    401: ("unauthorized", "Nobody is known to ask."),
    403: ("forbidden", "You are known, and may not do this."),
    404: ("model_not_found", "There is no such model; the message names the nearest."),
    409: ("conflict", "The state does not allow it now."),
    408: ("slow_request", "The body did not arrive in time."),
    413: ("too_large", "The request, or the prompt, is over a limit."),
    415: ("unsupported_media", "The content type, or the file's format, is not one that is read."),
    422: ("unprocessable", "The format is right, the content is not."),
    424: ("remote_failed", "A server elsewhere, which the request names, did not answer as it should."),
    429: ("overloaded", "Too many requests; Retry-After says when to come back."),
    500: ("engine_error", "The engine failed; the log has the details under the request id."),
    503: ("unavailable", "The model is not ready; Retry-After says when to come back."),
    504: ("deadline_exceeded", "The answer was not ready in time."),
}
_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_ERROR = {"$ref": "#/components/schemas/ErrorBody"}
_PUBLIC = re.compile("|".join(f"(?:{pattern})" for pattern in (*PUBLIC, METRICS)))
READING = (400, 500, 504)
WORKING = (400, 404, 408, 413, 415, 422, 429, 500, 503, 504)


def responses(example: object, errors: tuple[int, ...], *, media: Mapping[str, object] | None = None) -> dict[int | str, Document]:
    """The documented answers of an operation: ``example`` (and samples of other media types), and the ``errors`` by status. An example that
    is None where there are samples: it never answers in JSON."""
    content = {kind: {"example": sample} for kind, sample in (media or {}).items()}
    if example is not None or not content:
        content = {"application/json": {"example": example}} | content
    documented: dict[int | str, Document] = {200: {"description": "The answer.", "content": content}}
    for status in errors:
        documented[status] = {"model": ErrorBody, **_refusal(status)}
    return documented


def _refusal(status: int) -> Document:
    code, meaning = _REASONS[status]
    kind = "server_error" if status >= 500 else _KINDS.get(status, "invalid_request_error")
    sample = {"error": {"message": meaning, "type": kind, "param": None, "code": code}}
    return {"description": meaning, "content": {"application/json": {"example": sample}}}


def json_request(shape: type[BaseModel], example: Mapping[str, object]) -> Document:
    """Documents a JSON body of ``shape``, which :func:`api.web.bodies.json_body` reads."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": dict(example)}}}}


def form_request(
    shape: type[BaseModel], upload: str, *, many: bool = False, raw: tuple[str, ...] = (), json: Document | None = None
) -> Document:
    """Documents a multipart form with the fields of ``shape`` and file(s) in the field ``upload``; ``raw`` media types may be sent as the
    body itself, and ``json`` is a :func:`json_request` that is taken too."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    binary = {"type": "string", "format": "binary"}
    schema["properties"][upload] = {"type": "array", "items": binary} if many else binary
    schema["required"] = [*schema.get("required", []), *([] if many else [upload])]
    content: Document = {"multipart/form-data": {"schema": schema}} | {kind: {"schema": binary} for kind in raw}
    if json is not None:
        content |= json["requestBody"]["content"]
    return {"requestBody": {"required": True, "content": content}}


def install_docs(app: FastAPI) -> None:
    """Serve ``/openapi.json`` and Swagger UI at ``/docs`` from files of the package fastapi-offline, under a policy that lets the page run
    its own script and nothing else."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
    folder = Path(str(files("fastapi_offline"))) / "static"
    app.mount("/docs/assets", StaticFiles(directory=folder), name="docs-assets")
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title} API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
    )
    html = bytes(page.body).decode()
    policy = {"Content-Security-Policy": _policy(html)}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=policy)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Document:
        return app.openapi()


def _policy(html: str) -> str:
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    # Swagger UI sets inline styles and draws its icons from data: URLs.
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _document(app: FastAPI) -> Document:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags)
        components = document.setdefault("components", {}).setdefault("schemas", {})
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "API key or access token."},
            "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "The same, as clients of LangGraph show it."},
        }
        for path, operation in ((path, operation) for path, methods in document["paths"].items() for operation in methods.values()):
            if not _PUBLIC.fullmatch(re.sub(r"\{[^}]*\}", "x", path)):
                _guard(operation, keyed=path.startswith(KEY_PATHS))
            for content in operation.get("requestBody", {}).get("content", {}).values():
                components |= content["schema"].pop("$defs", {})
            operation["responses"].pop("422", None) if 422 not in _documented(operation) else None
        app.openapi_schema = document
    return app.openapi_schema


def _guard(operation: Document, *, keyed: bool) -> None:
    """What holds for everything that wants a key: who is not known, not allowed or too frequent, and what cannot be found out now."""
    operation["security"] = [{"bearer": []}, *([{"key": []}] if keyed else [])]
    for status in (401, 403, 429, 503):
        if str(status) not in operation["responses"]:
            told = _refusal(status)
            told["content"]["application/json"]["schema"] = _ERROR
            operation["responses"][str(status)] = told


def _documented(operation: Document) -> set[int]:
    """Statuses documented by us; FastAPI adds a 422 of its own shape to everything with parameters."""
    return {
        int(status)
        for status, answer in operation["responses"].items()
        if answer.get("content", {}).get("application/json", {}).get("schema") == _ERROR
    }

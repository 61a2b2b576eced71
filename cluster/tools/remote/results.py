"""What a server's tool gave back, as a result of ours: checked, without secrets, pictures and sounds as files of the workspace, and as
pieces for whoever can show them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from mcp_types import AudioContent, BlobResourceContents, CallToolResult, EmbeddedResource, ImageContent, ResourceLink, TextContent

from cluster.contracts.generation import Json
from cluster.errors import HearthError, RemoteFailed
from cluster.json_schema import mistake
from cluster.outgoing.urls import without
from cluster.tools.results import fitted, seen
from cluster.tools.tool import Piece, ToolResult, ToolSpec
from cluster.tools.workspace import Workspace

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "audio/wav": ".wav", "audio/mpeg": ".mp3"}
MOST_BLOCKS = 1000
Opening = Callable[[], Workspace]


async def result_of(
    given: CallToolResult, spec: ToolSpec, workspace: Callable[[], Workspace], secrets: tuple[str, ...], most: int
) -> ToolResult:
    """Raises RemoteFailed for a result that is not of the tool's own schema. ``workspace``: where bytes are put."""
    blocks = [await _block(block, spec, workspace) for block in given.content[:MOST_BLOCKS]]
    texts = "\n".join(_readable(block) for block in blocks)
    structured = given.structured_content
    if not given.is_error and spec.output is not None:
        _check(structured, spec)
    value: Any = structured
    if structured is None:
        value = "\n".join(str(block["text"]) for block in blocks) if all("text" in block for block in blocks) else blocks
    told = _hidden(seen(value), secrets)
    pieces = [piece for block in given.content[:MOST_BLOCKS] if (piece := _piece(block)) is not None]
    return fitted(told, without(texts, secrets) if texts else None, most, failed=given.is_error or False, pieces=pieces)


def _piece(block: Any) -> Piece | None:
    """Bytes were found to be base64 when they were put into files."""
    if isinstance(block, ImageContent | AudioContent):
        return Piece(block.type, block.mime_type[:100], base64.b64decode(block.data))
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, BlobResourceContents):
        media = block.resource.mime_type or "application/octet-stream"
        return Piece("file", media[:100], base64.b64decode(block.resource.blob), str(block.resource.uri)[:2000])
    return None


async def _block(block: Any, spec: ToolSpec, workspace: Opening) -> dict[str, Json]:
    if isinstance(block, TextContent):
        return {"text": block.text}
    if isinstance(block, ImageContent | AudioContent):
        return await _kept(block.data, block.mime_type, spec, workspace)
    if isinstance(block, ResourceLink):
        return {"kind": "link", "uri": str(block.uri), "name": block.name}
    if isinstance(block, EmbeddedResource):
        if isinstance(block.resource, BlobResourceContents):
            return await _kept(block.resource.blob, block.resource.mime_type or "application/octet-stream", spec, workspace)
        return {"text": block.resource.text}
    return {"kind": "unknown"}


async def _kept(data: str, media: str, spec: ToolSpec, workspace: Opening) -> dict[str, Json]:
    """Bytes in a file that is called after them, so that the same are there once."""
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise RemoteFailed(f"The tool '{spec.name}' gave bytes that are not base64.") from None
    told: dict[str, Json] = {"kind": "file", "media_type": media[:100], "bytes": len(content)}
    path = f"{spec.source}/{hashlib.sha256(content).hexdigest()[:16]}{ENDINGS.get(media, '.bin')}"
    try:
        await to_thread.run_sync(workspace().write, path, content)
    except HearthError as error:
        return told | {"problem": error.message}
    return told | {"path": path}


def _readable(block: dict[str, Json]) -> str:
    if "text" in block:
        return str(block["text"])
    return "[" + ", ".join(f"{name}: {value}" for name, value in block.items()) + "]"


def _check(structured: dict[str, Any] | None, spec: ToolSpec) -> None:
    assert spec.output is not None
    if structured is None:
        raise RemoteFailed(f"The tool '{spec.name}' lies about its schema: it says what it gives back, and gave none of it.")
    found = mistake(structured, dict(spec.output))
    if found is not None:
        where = f" at '{found[0][:100]}'" if found[0] else ""
        raise RemoteFailed(f"The tool '{spec.name}' lies about its schema{where}: {found[1]}")


def _hidden(value: Json, secrets: tuple[str, ...]) -> Json:
    if not secrets:
        return value
    if isinstance(value, str):
        return without(value, secrets)
    if isinstance(value, list):
        return [_hidden(item, secrets) for item in value]
    if isinstance(value, dict):
        return {without(key, secrets): _hidden(item, secrets) for key, item in value.items()}
    return value

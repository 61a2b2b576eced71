"""What tools and resources hold, as blocks of the protocol."""

from __future__ import annotations

import base64

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from cluster.content.media import is_textual
from cluster.tools.tool import Piece, ToolResult, ToolSpec

Contents = TextResourceContents | BlobResourceContents
CUT = "\n[cut: there was more than tools.result_bytes]"


def result_of(spec: ToolSpec | None, result: ToolResult) -> CallToolResult:
    text = result.text + (CUT if result.cut else "")
    structured = result.value if spec is not None and is_object(spec) and isinstance(result.value, dict) and not result.failed else None
    said = [TextContent(text=text)] if text or not result.pieces else []
    return CallToolResult(content=[*said, *map(_block, result.pieces)], structured_content=structured, is_error=result.failed)


def is_object(spec: ToolSpec) -> bool:
    """Does it give back objects of a known shape? Only these are structured results in every revision of the protocol."""
    return spec.output is not None and spec.output.get("type") == "object"


def contents_of(uri: str, media: str, data: bytes) -> Contents:
    """``data`` as text where it is one."""
    if is_textual(media):
        try:
            return TextResourceContents(uri=uri, mime_type=media, text=data.decode())
        except UnicodeDecodeError:
            pass  # what its name says it is not
    return BlobResourceContents(uri=uri, mime_type=media, blob=base64.b64encode(data).decode())


def block_of(contents: Contents) -> ContentBlock:
    """A resource inside a message: pictures and sounds as such, anything else whole."""
    media = contents.mime_type or ""
    if isinstance(contents, BlobResourceContents) and media.startswith("image/"):
        return ImageContent(data=contents.blob, mime_type=media)
    if isinstance(contents, BlobResourceContents) and media.startswith("audio/"):
        return AudioContent(data=contents.blob, mime_type=media)
    return EmbeddedResource(resource=contents)


def _block(piece: Piece) -> ContentBlock:
    if piece.kind == "file":
        return EmbeddedResource(resource=contents_of(piece.uri, piece.media_type, piece.data))
    shape = ImageContent if piece.kind == "image" else AudioContent
    return shape(data=base64.b64encode(piece.data).decode(), mime_type=piece.media_type)

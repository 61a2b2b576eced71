"""Images in messages: they come as ``data:`` URLs, and are what their bytes say."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

from cluster.contracts.generation import Image
from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from cluster.settings import LimitSettings


def check_pictures(parts: Sequence[dict[str, Any]], limits: LimitSettings) -> None:
    """Raises TooLarge, Unprocessable or UnsupportedMedia, naming the part."""
    found = [(at, image) for at, part in enumerate(parts) if (image := picture(part, f"content.{at}.url")) is not None]
    most = limits.images_per_request
    if len(found) > most:
        raise TooLarge(f"A message takes at most {most} images (setting limits.images_per_request), not {len(found)}.").about("content")
    for at, image in found:
        if len(image.data) > limits.image_bytes:
            raise TooLarge(
                f"The image has {len(image.data)} bytes, at most {limits.image_bytes} are taken (setting limits.image_bytes); shrink it."
            ).about(f"content.{at}.url")


def picture(part: dict[str, Any], param: str = "content") -> Image | None:
    """The image whose bytes ``part`` carries; None for anything else."""
    url = part.get("url", "")
    if part["type"] != "image" or not url.startswith("data:"):
        return None
    try:
        data = binascii.a2b_base64(url.partition(",")[2], strict_mode=True)
    except binascii.Error as error:
        raise Unprocessable(f"The image's data: URL is not Base64 ({error}); encode the file's bytes once.").about(param) from None
    return Image(_sniffed(data, param), data)


def _sniffed(data: bytes, param: str) -> str:
    """The media type by the first bytes, whatever the URL claims."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    raise UnsupportedMedia(f"The image starts with {data[:4].hex() or 'nothing'}; send PNG, JPEG, GIF or WebP.").about(param)

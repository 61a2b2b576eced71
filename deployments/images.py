"""Encoded images to pixels, once, safely: the format judged by content, the size known before anything is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cluster.errors import BadInput, TooLarge, Unprocessable, UnsupportedMedia
from deployments.media import describe

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
READABLE = "JPEG, PNG, GIF, WebP or BMP"
# Pillow's names of what is read; a JPEG with several pictures inside (from some cameras) is a JPEG to everyone else.
_NAMES = {"MPO": "jpeg", "JPEG": "jpeg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "DIB": "bmp"}
_KINDS = {"a JPEG image", "a PNG image", "a GIF image", "a WebP image", "a BMP image"}


@dataclass(frozen=True, slots=True)
class Picture:
    """``image``: RGB, upright (turned as its EXIF tag asks), transparency laid on white, the first frame of an animation.
    ``format``: jpeg, png, gif, webp or bmp."""

    image: Image.Image
    format: str


def decode(data: bytes, max_pixels: int) -> Picture:
    """The picture in ``data``.

    Raises UnsupportedMedia (says what was found instead), TooLarge (by the size its header states, before decoding), Unprocessable (the
    format is right, the content is broken or cut off).
    """
    opened = _open(data)
    width, height = opened.size
    if width * height > max_pixels:
        raise TooLarge(
            f"The image has {width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are read. "
            "Scale it down, or raise the setting limits.image_pixels."
        )
    try:
        opened.load()
        upright = _upright(opened)
        return Picture(_on_white(_eight_bits(upright)), _NAMES[str(opened.format)])
    except Exception as error:  # Pillow's decoders raise whatever their parsing stumbles over
        raise _broken(data, error) from error


def _open(data: bytes) -> Image.Image:
    if not data:
        raise Unprocessable(f"The image is empty; send {READABLE}.")
    # Pillow's own guard warns or raises at sizes that are not our setting; ours comes right after the header.
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        found = describe(data)
        if found in _KINDS:
            raise _broken(data, error) from error
        raise UnsupportedMedia(f"This is not an image that can be read but {found}; send {READABLE}.") from error
    except Exception as error:  # as above: a broken header
        raise _broken(data, error) from error


def _broken(data: bytes, error: Exception) -> BadInput:
    return Unprocessable(f"The bytes begin like {describe(data)}, but are broken or cut off ({error}); send the whole file.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - a camera's broken EXIF block is no reason to refuse its picture
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits (Pillow's own conversion cuts everything above 255 to white)."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray((np.clip(values, 0, 65535) // 257).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")

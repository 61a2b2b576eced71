from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from deployments.images import decode

LIMIT = 1_000_000
RED = (200, 30, 40)


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def close(pixel: object, wanted: tuple[int, int, int], most: int = 6) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= most for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_every_format_is_read_and_named_by_its_content(name: str) -> None:
    picture = decode(encoded(Image.new("RGB", (40, 30), RED), name), LIMIT)
    assert picture.format == name.lower()
    assert (picture.image.size, picture.image.mode) == ((40, 30), "RGB")
    assert close(picture.image.getpixel((20, 15)), RED)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (10, 10), colour) for colour in (RED, (0, 0, 255))]
    picture = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), LIMIT)
    assert close(picture.image.getpixel((5, 5)), RED)


def test_a_picture_is_turned_as_its_exif_tag_asks() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    stored = Image.new("RGB", (40, 20), "white")
    stored.paste(RED, (0, 0, 20, 20))
    picture = decode(encoded(stored, "JPEG", exif=exif, quality=95), LIMIT)
    assert picture.image.size == (20, 40)
    assert close(picture.image.getpixel((10, 5)), RED, 30)


def test_transparency_is_laid_on_white() -> None:
    picture = decode(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"), LIMIT)
    assert picture.image.getpixel((4, 4)) == (255, 255, 255)


def test_a_transparent_palette_is_laid_on_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30] * 256)
    picture = decode(encoded(image, "PNG", transparency=0), LIMIT)
    assert picture.image.getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    values = np.full((6, 6), 0x8000, dtype=np.uint16)
    picture = decode(encoded(Image.fromarray(values), "PNG"), LIMIT)
    assert close(picture.image.getpixel((3, 3)), (127, 127, 127), 2)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P"])
def test_grey_black_and_white_and_palette_pictures_become_rgb(mode: str) -> None:
    picture = decode(encoded(Image.new("RGB", (9, 9), "white").convert(mode), "PNG"), LIMIT)
    assert picture.image.getpixel((4, 4)) == (255, 255, 255)


def test_printing_colours_become_rgb() -> None:
    picture = decode(encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", quality=95), LIMIT)
    red, green, blue = picture.image.getpixel((4, 4))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header states a size that its few bytes do not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_the_size_its_header_states() -> None:
    with pytest.raises(TooLarge, match=r"60000 x 60000 = 3,600,000,000 pixels; at most 1,000,000 .* limits\.image_pixels"):
        decode(png_claiming(60_000, 60_000), LIMIT)


def test_a_picture_just_within_the_limit_is_read() -> None:
    assert decode(encoded(Image.new("RGB", (1000, 1000)), "PNG"), LIMIT).image.size == (1000, 1000)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_file_cut_off_is_unprocessable(name: str, part: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8))
    whole = encoded(noise, name)
    with pytest.raises(Unprocessable, match="broken or cut off"):
        decode(whole[: max(16, int(len(whole) * part))], LIMIT)


def test_nothing_at_all_is_unprocessable() -> None:
    with pytest.raises(Unprocessable, match="empty"):
        decode(b"", LIMIT)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"II*\0\x08\0\0\0", "a TIFF image"),
        (b"hello, this is no picture", "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG image"),
        (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
        (b"\0\x01\x02\x03\xfe\xff", "unknown bytes"),
        (b"ID3\x04\0\0\0\0\0\x21", "an MP3 sound"),
    ],
)
def test_other_bytes_are_refused_by_what_they_are(data: bytes, found: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"{found}.* send JPEG, PNG, GIF, WebP or BMP"):
        decode(data, LIMIT)


def test_random_damage_never_raises_anything_but_our_errors() -> None:
    rng = np.random.default_rng(1)
    source = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP"):
        whole = encoded(source, name)
        for _ in range(60):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), 4):
                damaged[place] = int(rng.integers(0, 256))
            with suppress(TooLarge, Unprocessable, UnsupportedMedia):
                decode(bytes(damaged), LIMIT)

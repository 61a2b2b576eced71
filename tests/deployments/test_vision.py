from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from cluster.contracts.perception import ImageEmbeddingRequest, TextExtractionRequest
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, ConfigError, ContextLengthExceeded, TooLarge, Unprocessable, UnsupportedMedia
from deployments.vision import Clip, Ocr
from tests.deployments.fixtures.shapes import draw

SpecFactory = Callable[..., ReplicaSpec]


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def looked_at(images: list[Image.Image] | None = None, texts: tuple[str, ...] = (), **others: object) -> ImageEmbeddingRequest:
    return ImageEmbeddingRequest("tiny-clip", tuple(map(png, images or [])), texts, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip(tiny_clip: SpecFactory) -> Clip:
    return Clip(tiny_clip(max_image_pixels=1_000_000).model_dump(mode="json"))


@pytest.fixture(scope="module")
def reader(ocr: SpecFactory) -> Ocr:
    return Ocr(ocr(max_image_pixels=4_000_000))


async def test_a_text_finds_its_picture_among_others(clip: Clip) -> None:
    kinds = [("red", "square"), ("blue", "circle"), ("green", "triangle"), ("yellow", "square")]
    pictures = [draw(colour, shape, 5 + number, size=200) for number, (colour, shape) in enumerate(kinds)]
    found = await clip.embed(looked_at(pictures, tuple(f"a {colour} {shape}" for colour, shape in kinds)))
    assert found.vectors.shape == (8, 32)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
    likeness = found.vectors[4:] @ found.vectors[:4].T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_pictures_alone_and_texts_alone_are_embedded_too(clip: Clip) -> None:
    pictures = [draw("red", "circle", seed) for seed in range(20)]
    together = (await clip.embed(looked_at(pictures))).vectors
    alone = (await clip.embed(looked_at(pictures[7:8]))).vectors
    assert together.shape == (20, 32)
    assert float(together[7] @ alone[0]) > 0.999
    only_text = await clip.embed(looked_at(texts=("a red circle",)))
    assert (only_text.vectors.shape, only_text.prompt_tokens, only_text.variant) == ((1, 32), 5, "open-clip-float32")


async def test_nothing_to_embed_is_refused(clip: Clip) -> None:
    with pytest.raises(BadInput, match="nothing to embed"):
        await clip.embed(looked_at())


async def test_an_over_long_text_is_refused_with_counts_unless_it_may_be_cut(clip: Clip) -> None:
    with pytest.raises(ContextLengthExceeded, match=r"Text 2 has 22 tokens, .* at most 8"):
        await clip.embed(looked_at(texts=("a", "red " * 20)))
    assert (await clip.embed(looked_at(texts=("red " * 20,), truncate=True))).prompt_tokens == 8


async def test_one_bad_picture_is_named_by_its_fault(clip: Clip) -> None:
    with pytest.raises(UnsupportedMedia, match="a PDF document"):
        await clip.embed(ImageEmbeddingRequest("tiny-clip", (b"%PDF-1.7",)))
    with pytest.raises(TooLarge, match=r"limits\.image_pixels"):
        await clip.embed(looked_at([Image.new("RGB", (1001, 1000))]))


async def test_many_requests_at_once_are_all_answered(clip: Clip) -> None:
    kinds = [(colour, shape) for colour in ("red", "blue") for shape in ("square", "circle")]
    answers = await asyncio.gather(*(clip.embed(looked_at([draw(*kinds[n % 4], n)])) for n in range(12)))
    assert all(answer.vectors.shape == (1, 32) for answer in answers)
    await clip.check_health()
    stats = clip.stats()
    assert (stats.slots, stats.queued) == (2, 0)


def test_a_folder_without_weights_is_an_error_and_not_a_random_model(tiny_clip: SpecFactory, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    shutil.copytree(tiny_clip().path, folder)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ConfigError, match="has no weights"):
        Clip(tiny_clip(path=folder))


def test_weights_of_another_architecture_are_an_error(tiny_clip: SpecFactory, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    shutil.copytree(tiny_clip().path, folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 3
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="cannot be loaded by open_clip"):
        Clip(tiny_clip(path=folder))


def page(*lines: tuple[int, int, str]) -> Image.Image:
    image = Image.new("RGB", (640, 220), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(32)
    for x, y, text in lines:
        pen.text((x, y), text, fill="black", font=font)
    return image


async def test_drawn_text_is_read_in_reading_order_with_boxes_around_it(reader: Ocr) -> None:
    image = page((20, 120, "Total due: 125.80 EUR"), (400, 26, "March 2026"), (20, 20, "Invoice 4711"))
    found = await reader.extract(TextExtractionRequest("ocr", png(image)))
    assert found.text == "Invoice 4711\nMarch 2026\nTotal due: 125.80 EUR"
    assert (found.width, found.height, found.image_format) == (640, 220, "png")
    assert all(line.confidence > 0.9 for line in found.lines)
    left, top = found.lines[1].box[0]
    assert 380 < left < 410
    assert 15 < top < 45


async def test_text_on_transparent_ground_is_read(reader: Ocr) -> None:
    image = Image.new("RGBA", (400, 80), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((20, 20), "Hello world", fill=(0, 0, 0, 255), font=ImageFont.load_default(32))
    assert (await reader.extract(TextExtractionRequest("ocr", png(image)))).text == "Hello world"


async def test_an_empty_page_has_no_text(reader: Ocr) -> None:
    found = await reader.extract(TextExtractionRequest("ocr", png(Image.new("RGB", (200, 100), "white"))))
    assert (found.text, found.lines) == ("", ())


async def test_a_page_that_is_a_hair_wide_is_unprocessable(reader: Ocr) -> None:
    with pytest.raises(Unprocessable, match="too narrow"):
        await reader.extract(TextExtractionRequest("ocr", png(Image.new("RGB", (1, 4000)))))


def test_a_folder_without_models_is_an_error_and_nothing_is_downloaded(ocr: SpecFactory, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no file"):
        Ocr(ocr(path=tmp_path))

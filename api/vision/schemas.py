"""What the vision endpoints take and answer."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api.web.schema import Answer, Body, FormBody, ModelId

Text = Annotated[str, Field(min_length=1)]


def _decoded(value: object) -> object:
    """Base64 (a ``data:`` URL too) as bytes."""
    if not isinstance(value, str):
        raise PydanticCustomError("image", "must be an image as base64 text")
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not valid base64") from None
    if not content:
        raise ValueError("is an empty image")
    return content


Image = Annotated[bytes, BeforeValidator(_decoded, str)]


class EmbedBody(Body):
    """JSON form of ``POST /api/v1/vision/embed``."""

    model: ModelId | None = Field(None, description="May be left out where the profile has one CLIP model.")
    images: list[Image] = Field([], description="Images as base64; the setting limits.images_per_request bounds how many.")
    texts: list[Text] = Field([], description="Texts to place in the same space; at most limits.embedding_inputs.")


class EmbedForm(FormBody):
    """Multipart form of the same; the files stand in ``images``."""

    model: ModelId | None = None
    texts: list[Text] = Field([], alias="texts[]", description="Repeat the field for several.")


class ExtractForm(FormBody):
    """Fields of ``POST /api/v1/vision/extract-text``, in a form beside ``file``, or in the query beside a raw body."""

    model: ModelId | None = Field(None, description="May be left out where the profile has one OCR model.")


class EmbedData(Answer):
    model: str
    variant: str = Field(description="Exact form of the weights; vectors of two variants are not to be mixed in one index.")
    dimensions: int
    image_embeddings: list[list[float]] = Field(description="L2 norm 1, in the order of the images.")
    text_embeddings: list[list[float]] = Field(description="L2 norm 1, in the order of the texts.")


class LineAnswer(Answer):
    text: str
    confidence: float
    box: list[tuple[float, float]] = Field(description="Four corners in pixels, clockwise from the top left.")


class ExtractedData(Answer):
    model: str
    text: str = Field(description="The lines in reading order, one per line.")
    lines: list[LineAnswer]
    width: int = Field(description="Pixels.")
    height: int
    image_format: str

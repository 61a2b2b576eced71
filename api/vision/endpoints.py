"""``/api/v1/vision``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.models.endpoints import DETAIL, WithModels
from api.models.schemas import FamilyHealth, ModelDetail
from api.vision.schemas import EmbedBody, EmbedData, EmbedForm, ExtractedData, ExtractForm
from api.vision.service import Vision
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import content_type, query, read_json, validated
from api.web.deps import WithExchange, WithParts
from api.web.forms import is_form, read_file, read_form
from api.web.openapi import READING, WORKING, form_request, json_request, responses
from cluster.contracts.models import ModelKind
from cluster.errors import Unprocessable, UnsupportedMedia

router = APIRouter(prefix="/api/v1/vision", tags=["vision"])

FORMATS = ("jpeg", "png", "gif", "webp", "bmp")
RAW = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "application/octet-stream")
LIMIT = "limits.image_bytes"
KINDS = (ModelKind.CLIP, ModelKind.OCR)

EMBED_REQUEST = {"images": ["iVBORw0KGgo..."], "texts": ["a goat on a hill"]}
EMBED_DATA = {
    "model": "clip-vit-l-14",
    "variant": "open_clip-float32",
    "dimensions": 3,
    "image_embeddings": [[0.1, 0.9, 0.4]],
    "text_embeddings": [[0.2, 0.9, 0.3]],
}
EXTRACT_DATA = {
    "model": "pp-ocr",
    "text": "INVOICE 17",
    "lines": [{"text": "INVOICE 17", "confidence": 0.98, "box": [[10, 8], [120, 8], [120, 30], [10, 30]]}],
    "width": 640,
    "height": 480,
    "image_format": "png",
}
HEALTH = {"healthy": True, "models": [DETAIL], "concurrent_tasks": 2, "formats": list(FORMATS)}


async def vision(parts: WithParts, exchange: WithExchange) -> Vision:
    return Vision(parts, exchange)


WithVision = Annotated[Vision, Depends(vision)]


@router.post(
    "/embed",
    summary="Embed images and texts",
    response_model=Success[EmbedData],
    responses=responses({"status": "success", "data": EMBED_DATA}, WORKING),
    openapi_extra=form_request(EmbedForm, "images", many=True, json=json_request(EmbedBody, EMBED_REQUEST)),
)
async def embed_images(request: Request, parts: WithParts, service: WithVision) -> Response:
    """Places images and texts in one space (CLIP), so that a text finds images. Send JSON with base64 images, or a form with files."""
    if is_form(request):
        limits = parts.settings.limits
        form = await read_form(
            request, files=("images",), max_file_bytes=limits.image_bytes, setting=LIMIT, max_files=limits.images_per_request
        )
        fields = validated(form.fields, EmbedForm, Unprocessable)
        return success(await attend(request, service.embed(fields.model, form.files.get("images", []), fields.texts)))
    body = await read_json(request, EmbedBody, Unprocessable)
    return success(await attend(request, service.embed(body.model, body.images, body.texts)))


@router.post(
    "/extract-text",
    summary="Read the text in an image",
    response_model=Success[ExtractedData],
    responses=responses({"status": "success", "data": EXTRACT_DATA}, WORKING),
    openapi_extra=form_request(ExtractForm, "file", raw=RAW),
)
async def extract_text(request: Request, parts: WithParts, service: WithVision) -> Response:
    """Reads printed text (OCR): the lines in reading order with their places. Send a form with `file`, or the image itself as the body."""
    most = parts.settings.limits.image_bytes
    if is_form(request):
        form = await read_form(request, files=("file",), max_file_bytes=most, setting=LIMIT)
        fields, image = validated(form.fields, ExtractForm, Unprocessable), form.file("file", LIMIT)
    else:
        kind = content_type(request)
        if not kind.startswith("image/") and kind != "application/octet-stream":
            raise UnsupportedMedia(f"This endpoint takes a form or an image, found {kind or 'no content type'}.")
        fields, image = query(request, ExtractForm), await read_file(request, most, LIMIT)
    return success(await attend(request, service.extract_text(fields.model, image)))


@router.get(
    "/models",
    summary="Models that take images",
    response_model=Success[list[ModelDetail]],
    responses=responses({"status": "success", "data": [DETAIL]}, READING),
)
async def vision_models(request: Request, models: WithModels) -> Response:
    """The CLIP and OCR models of the profile and their state."""
    return success(await attend(request, models.details(KINDS)))


@router.get(
    "/health",
    summary="State of the vision service",
    response_model=Success[FamilyHealth],
    responses=responses({"status": "success", "data": HEALTH}, READING),
)
async def vision_health(request: Request, parts: WithParts, models: WithModels) -> Response:
    """Whether images can be worked on now, by which models, how many at once, and in which formats."""
    return success(await attend(request, models.health(KINDS, parts.settings.limits.vision_tasks, FORMATS)))

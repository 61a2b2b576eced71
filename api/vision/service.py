"""Images, placed in CLIP space or read."""

from __future__ import annotations

from collections.abc import Sequence

from api.models.service import Models
from api.vision.schemas import EmbedData, ExtractedData, LineAnswer
from api.web.deps import Parts
from api.web.exchange import Exchange
from api.web.forms import too_large
from cluster.contracts.models import ModelKind
from cluster.contracts.perception import ImageEmbeddingRequest, TextExtractionRequest
from cluster.errors import BadInput
from cluster.specs.prices import Consumption


class Vision:
    def __init__(self, parts: Parts, exchange: Exchange) -> None:
        self._gateway = parts.gateway
        self._models = Models(parts.gateway)
        self._limits = parts.settings.limits
        self._exchange = exchange

    async def embed(self, model: str | None, images: Sequence[bytes], texts: Sequence[str]) -> EmbedData:
        self._check(images, texts)
        name = await self._model(model, ModelKind.CLIP)
        found = await self._gateway.embed_images(
            ImageEmbeddingRequest(name, tuple(images), tuple(texts), request_id=self._exchange.request_id)
        )
        self._exchange.spent.append((name, Consumption(images=len(images))))
        vectors = found.vectors.tolist()
        return EmbedData(
            model=name,
            variant=found.variant,
            dimensions=found.vectors.shape[1],
            image_embeddings=vectors[: len(images)],
            text_embeddings=vectors[len(images) :],
        )

    async def extract_text(self, model: str | None, image: bytes) -> ExtractedData:
        name = await self._model(model, ModelKind.OCR)
        found = await self._gateway.extract_text(TextExtractionRequest(name, image, request_id=self._exchange.request_id))
        self._exchange.spent.append((name, Consumption(images=1)))
        return ExtractedData(
            model=name,
            text=found.text,
            lines=[LineAnswer(text=line.text, confidence=line.confidence, box=list(line.box)) for line in found.lines],
            width=found.width,
            height=found.height,
            image_format=found.image_format,
        )

    def _check(self, images: Sequence[bytes], texts: Sequence[str]) -> None:
        limits = self._limits
        if not images and not texts:
            raise BadInput("There is nothing to embed; send 'images', 'texts' or both.").about("images")
        if len(images) > limits.images_per_request:
            most = limits.images_per_request
            raise BadInput(
                f"{len(images)} images were sent, at most {most} are taken (setting limits.images_per_request); send several requests."
            ).about("images")
        if len(texts) > limits.embedding_inputs:
            most = limits.embedding_inputs
            raise BadInput(f"{len(texts)} texts were sent, at most {most} are taken (setting limits.embedding_inputs).").about("texts")
        for index, image in enumerate(images):
            if len(image) > limits.image_bytes:
                raise too_large(len(image), limits.image_bytes, "limits.image_bytes").about(f"images.{index}")
        for index, text in enumerate(texts):
            if len(text) > limits.text_chars:
                most = limits.text_chars
                raise BadInput(f"'texts.{index}' has {len(text)} characters, at most {most} are taken (limits.text_chars).").about(
                    f"texts.{index}"
                )

    async def _model(self, name: str | None, kind: ModelKind) -> str:
        status = await self._models.choose(name, kind)
        self._exchange.serves(status)
        return status.id

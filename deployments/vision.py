"""Images: vectors of them (and of texts beside them), and the text in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from cluster.contracts.perception import Embeddings, ExtractedText, ImageEmbeddingRequest, TextExtractionRequest
from cluster.contracts.serving import ReplicaSpec, ReplicaStats
from cluster.errors import BadInput, Cancelled
from deployments import images
from deployments.engines.protocols import ClipEngine, OcrEngine
from deployments.replica import Replica
from deployments.tasks import Tasks

# When the settings name no limit.
DEFAULT_TASKS = 2


class Clip:
    """One replica of a model that places images and texts in one space."""

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._engine: ClipEngine = self._replica.engine
        self._tasks = Tasks(self._replica.spec.max_tasks or DEFAULT_TASKS, "clip")

    async def embed(self, request: ImageEmbeddingRequest) -> Embeddings:
        """Vectors of the images, then of the texts.

        Raises BadInput (neither given), UnsupportedMedia, TooLarge or Unprocessable (an image that cannot be read), ContextLengthExceeded
        or EngineError.
        """
        if not request.images and not request.texts:
            raise BadInput("There is nothing to embed; send an image or a text.")
        return await self._tasks.run(self._embed, request)

    async def check_health(self) -> None:
        """Raises EngineError when the engine cannot compute any more."""
        await self._replica.note_memory()
        if not self._tasks.running:
            await self._tasks.run(lambda _: self._engine.embed_texts(("healthy",), truncate=True))

    def stats(self) -> ReplicaStats:
        return self._replica.stats(self._tasks.slots, self._tasks.running, self._tasks.queued)

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_tasks"):
            self._tasks.close()
            self._engine.close()

    def _embed(self, stop: threading.Event, request: ImageEmbeddingRequest) -> Embeddings:
        blocks, tokens = [], 0
        if request.images:
            blocks.append(self._engine.embed_images(self._pictures(stop, request.images)))
        if request.texts:
            vectors, tokens = self._engine.embed_texts(request.texts, request.truncate)
            blocks.append(vectors)
        return Embeddings(np.concatenate(blocks), tokens, self._engine.variant)

    def _pictures(self, stop: threading.Event, encoded: Sequence[bytes]) -> Iterator[Image]:
        for data in encoded:
            if stop.is_set():
                raise Cancelled("The caller left before all images were embedded.")
            yield images.decode(data, self._replica.spec.max_image_pixels).image


class Ocr:
    """One replica of a model that reads the text in an image."""

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._engine: OcrEngine = self._replica.engine
        self._tasks = Tasks(self._replica.spec.max_tasks or DEFAULT_TASKS, "ocr")

    async def extract(self, request: TextExtractionRequest) -> ExtractedText:
        """The text, line by line; boxes are in pixels of the image as shown (turned as its EXIF tag asks).

        Raises UnsupportedMedia, TooLarge, Unprocessable or EngineError.
        """
        return await self._tasks.run(self._extract, request)

    async def check_health(self) -> None:
        """A page takes seconds, so health is that of the threads: work that is running will end."""
        await self._replica.note_memory()
        if not self._tasks.running:
            await self._tasks.run(lambda _: None)

    def stats(self) -> ReplicaStats:
        return self._replica.stats(self._tasks.slots, self._tasks.running, self._tasks.queued)

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_tasks"):
            self._tasks.close()
            self._engine.close()

    def _extract(self, stop: threading.Event, request: TextExtractionRequest) -> ExtractedText:
        picture = images.decode(request.image, self._replica.spec.max_image_pixels)
        if stop.is_set():
            raise Cancelled("The caller left before the text was read.")
        lines = self._engine.extract(picture.image)
        return ExtractedText("\n".join(line.text for line in lines), lines, *picture.image.size, picture.format)

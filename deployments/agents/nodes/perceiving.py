"""Nodes that ask models of other kinds: vision, audio, embed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from cluster.content.pdf import MAGIC as PDF
from cluster.content.pdf import page_count, read_page
from cluster.contracts.generation import Json, Usage
from cluster.contracts.models import ModelKind
from cluster.contracts.perception import EmbeddingRequest, ImageEmbeddingRequest, TextExtractionRequest, TranscriptionRequest
from cluster.errors import TooLarge, Unprocessable
from cluster.specs.nodes import AudioNode, EmbedNode, VisionNode
from cluster.specs.prices import Consumption
from cluster.tools.builtin.base import Reading
from deployments.agents.nodes.messages import read
from deployments.agents.nodes.models import need_first
from deployments.agents.visiting import Visit


async def look(node: VisionNode, visit: Visit) -> Json:
    """The text in a picture or a PDF, or a picture's vector."""
    visit.run.budget.check()
    image = await read(visit, await visit.value(node.image))
    gateway = visit.run.services.gateway
    if node.do == "read":
        return await _document(node, visit, image) if image.startswith(PDF) else await _read(node, visit, image)
    model = node.model or await need_first(visit, ModelKind.CLIP)
    placed = await gateway.embed_images(ImageEmbeddingRequest(model, images=(image,)))
    visit.tally.consume(model, Consumption(images=1))
    row: list[Json] = [float(number) for number in placed.vectors[0]]
    return row


async def _read(node: VisionNode, visit: Visit, image: bytes) -> str:
    model = node.model or await need_first(visit, ModelKind.OCR)
    found = await visit.run.services.gateway.extract_text(TextExtractionRequest(model, image))
    visit.tally.consume(model, Consumption(images=1))
    return found.text


async def _document(node: VisionNode, visit: Visit, content: bytes) -> str:
    """The pages of a PDF, of which those that were scanned are read from their picture. Raises TooLarge for more than
    ``ingest.ocr_pages`` of them. A process of its own opens the file, so that a damaged one ends nothing else."""
    limits, process = visit.run.services.settings.ingest, Reading(visit.run.services.settings.ingest)
    texts, scanned = list[str](), 0
    with tempfile.NamedTemporaryFile(prefix="hearth-graph-", suffix=".pdf") as file:
        await asyncio.to_thread(Path(file.name).write_bytes, content)
        try:
            for number in range(1, await process.call(page_count, file.name, limits.pages) + 1):
                visit.run.budget.check()
                page = await process.call(read_page, file.name, number, limits.ocr_pixels)
                scanned += page.picture is not None
                if scanned > limits.ocr_pages:
                    raise TooLarge(f"More than {limits.ocr_pages} of its pages are scanned (setting ingest.ocr_pages); give it in parts.")
                texts.append(page.text if page.picture is None else await _read(node, visit, page.picture))
        finally:
            await process.close()
    return "\n\n".join(text for text in texts if text.strip())


async def listen(node: AudioNode, visit: Visit) -> Json:
    visit.run.budget.check()
    audio = await read(visit, await visit.value(node.audio))
    model = node.model or await need_first(visit, ModelKind.TRANSCRIPTION)
    heard = await visit.run.services.gateway.transcribe(TranscriptionRequest(model, audio, node.language))
    visit.tally.consume(model, Consumption(audio_seconds=heard.duration))
    segments: list[Json] = [{"start": one.start, "end": one.end, "text": one.text.strip()} for one in heard.segments]
    return {"text": heard.text, "language": heard.language, "segments": segments}


async def embed(node: EmbedNode, visit: Visit) -> Json:
    visit.run.budget.check()
    texts = await visit.value(node.texts)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Unprocessable(f"'texts' (`{node.texts}`) is to be a list of texts.")
    if not texts:
        return []
    model = node.model or await need_first(visit, ModelKind.EMBEDDING)
    placed = await visit.run.services.gateway.embed(EmbeddingRequest(model, tuple(str(text) for text in texts)))
    visit.tally.pay(model, Usage(placed.prompt_tokens))
    return [[float(number) for number in row] for row in placed.vectors]

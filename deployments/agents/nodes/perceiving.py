"""Nodes that ask models of other kinds: vision, audio, embed."""

from __future__ import annotations

from cluster.contracts.generation import Json, Usage
from cluster.contracts.models import ModelKind
from cluster.contracts.perception import EmbeddingRequest, ImageEmbeddingRequest, TextExtractionRequest, TranscriptionRequest
from cluster.errors import Unprocessable
from cluster.specs.nodes import AudioNode, EmbedNode, VisionNode
from cluster.specs.prices import Consumption
from deployments.agents.nodes.messages import read
from deployments.agents.nodes.models import need_first
from deployments.agents.visiting import Visit


async def look(node: VisionNode, visit: Visit) -> Json:
    """The text in a picture, or its vector."""
    visit.run.budget.check()
    image = await read(visit, await visit.value(node.image))
    gateway = visit.run.services.gateway
    if node.do == "read":
        model = node.model or await need_first(visit, ModelKind.OCR)
        found = await gateway.extract_text(TextExtractionRequest(model, image))
        visit.tally.consume(model, Consumption(images=1))
        return found.text
    model = node.model or await need_first(visit, ModelKind.CLIP)
    placed = await gateway.embed_images(ImageEmbeddingRequest(model, images=(image,)))
    visit.tally.consume(model, Consumption(images=1))
    row: list[Json] = [float(number) for number in placed.vectors[0]]
    return row


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

"""A gateway without models, for testing whatever stands above one.

Every answer is computed from the request (see ``answers.py``). It can be told to fail, to be slow, and it remembers what it was asked and
which streams were closed.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from cluster.contracts.generation import (
    FinishReason,
    Generation,
    GenerationDelta,
    GenerationRequest,
    TokenCount,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.perception import (
    EmbeddingRequest,
    Embeddings,
    ExtractedText,
    ImageEmbeddingRequest,
    Segment,
    TextExtractionRequest,
    TextLine,
    TokenSpans,
    TokenSpansRequest,
    Transcript,
    TranscriptionRequest,
    Word,
)
from cluster.contracts.residency import DeviceUse, ModelUse, ResidencySnapshot
from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.errors import ModelNotFound, UnsupportedMedia
from cluster.fakes.answers import example_of, forced_tool, prompt_tokens, until_stop, vectors, words
from cluster.specs.loader import nearest

Request = TypeVar("Request")

_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp"}
_SOUNDS = {b"RIFF": "wav", b"fLaC": "flac", b"OggS": "ogg", b"ID3": "mp3"}


def fake_model(model: str, kind: ModelKind, *, state: ModelState = ModelState.READY, nano: bool = False) -> ModelStatus:
    """A model of ``kind`` that takes all that its kind can."""
    capabilities = {ModelKind.LLM: ("chat", "completion", "tools", "json"), ModelKind.OCR: ("extract-text",)}.get(kind, (kind.value,))
    return ModelStatus(
        id=model,
        kind=kind,
        state=state,
        capabilities=capabilities,
        engine="fake",
        device="cpu",
        dtype="float32",
        budget_bytes=2**20,
        pinned=True,
        context_tokens=4096 if kind is ModelKind.LLM else None,
        reason="A fake: it needs no weights.",
        created=1_760_000_000,
        owned_by="hearth",
        nano=nano,
        adapters=("pirate",) if kind is ModelKind.LLM else (),
    )


ONE_OF_EACH = (
    fake_model("fake-llm", ModelKind.LLM, nano=True),
    fake_model("fake-embedder", ModelKind.EMBEDDING),
    fake_model("fake-clip", ModelKind.CLIP),
    fake_model("fake-ocr", ModelKind.OCR),
    fake_model("fake-whisper", ModelKind.TRANSCRIPTION),
    fake_model("fake-reranker", ModelKind.RERANKER),
)


@dataclass
class FakeGateway:
    """A ``ModelGateway``. ``pace_s``: seconds before each token (infinite: never). ``failures``: what asking a model raises.
    ``breaks_after``: how many tokens a stream of the model gives before it fails, or falls silent for good where the model is in
    ``hangs``; without an entry it does so at once. ``scripted``: what requests that are held to a form are answered with, in order, as
    long as there is some. ``calls``: what requests with tools are answered with, in order: calls of them, each by its name and its
    arguments as JSON text; by nothing, or when there are none left, it says something. ``reply``: what a request is answered with, None:
    what is computed from it. ``held``: every request waits until it is set."""

    served: Sequence[ModelStatus] = ONE_OF_EACH
    pace_s: float = 0.0
    failures: Mapping[str, Exception] = field(default_factory=dict)
    breaks_after: Mapping[str, int] = field(default_factory=dict)
    hangs: Collection[str] = ()
    scripted: list[str] = field(default_factory=list)
    calls: list[Sequence[tuple[str, str]]] | None = None
    reply: Callable[[GenerationRequest], str | None] | None = None
    held: asyncio.Event | None = None
    asked: list[object] = field(default_factory=list)
    counted: list[object] = field(default_factory=list)
    ended: list[GenerationRequest] = field(default_factory=list)

    @property
    def opened(self) -> int:
        """How many generations have begun, work beside requests included."""
        return len(self.asked_for(GenerationRequest))

    @property
    def closed(self) -> int:
        return len(self.ended)

    def asked_for(self, kind: type[Request]) -> list[Request]:
        """The requests of one kind, in order. ``asked`` holds what runs beside requests too, such as the embeddings of an index."""
        return [request for request in self.asked if isinstance(request, kind)]

    async def models(self) -> Sequence[ModelStatus]:
        return self.served

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        base, _, adapter = model.partition(":")
        for status in self.served:
            if status.id == base and status.kind is kind and (not adapter or adapter in status.adapters):
                return status
        hint = nearest(model, [status.id for status in self.served if status.kind is kind])
        raise ModelNotFound(f"There is no {kind} model '{model}'" + (f"; did you mean '{hint}'?" if hint else "."))

    async def residency(self) -> ResidencySnapshot:
        if "residency" in self.failures:
            raise self.failures["residency"]
        uses = [_use(status) for status in self.served]
        device = DeviceUse("cpu", "fake card", 2**30, sum(status.budget_bytes for status in self.served), 2**20)
        return ResidencySnapshot(at=0.0, devices=(device,), models=tuple(uses))

    async def generate(self, request: GenerationRequest) -> Generation:
        deltas = [delta async for batch in self.stream(request) for delta in batch]
        last = deltas[-1]
        assert last.finish_reason is not None
        assert last.usage is not None
        calls: dict[int, ToolCall] = {}
        for piece in (piece for delta in deltas for piece in delta.tool_calls):
            begun = calls.get(piece.index, ToolCall(piece.id or "", piece.name or "", ""))
            calls[piece.index] = replace(begun, arguments=begun.arguments + piece.arguments)
        return Generation(
            text="".join(delta.text for delta in deltas),
            finish_reason=last.finish_reason,
            usage=last.usage,
            tool_calls=tuple(calls.values()),
            logprobs=tuple(logprob for delta in deltas for logprob in delta.logprobs),
        )

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """One token at a time; closing it, or cancelling its reader, puts it among the ``ended`` (as does its end)."""
        self.asked.append(request)
        try:
            for given, delta in enumerate(self._answer(request)):
                if given >= self.breaks_after.get(request.model, 0):
                    await self._break(request.model)
                await self._pause()
                yield (delta,)
        finally:
            self.ended.append(request)

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        """A token is a word. Fails and hangs as an answer would."""
        await self._begin(request.model, request, self.counted)
        return TokenCount(prompt_tokens(request), exact=True, how="a word is a token")

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        await self._begin(request.model, request)
        texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in request.inputs]
        rows = vectors([text.encode() for text in texts])
        return Embeddings(rows[:, : request.dimensions or rows.shape[1]], sum(len(text.split()) for text in texts), "fake-float32")

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        """A token is a word, of which the model reads 256."""
        await self._begin(request.model, request)
        found = [match.span() for match in re.finditer(r"\S+", request.text)]
        return TokenSpans(np.array(found, np.int32).reshape(-1, 2), 256)

    async def rerank(self, request: RerankRequest) -> Reranking:
        """The share of the question's words that stand in a document; a word is a token."""
        await self._begin(request.model, request)
        asked = request.query.lower().split()
        read = [document.lower().split() for document in request.documents]
        most = request.document_tokens
        scores = tuple(sum(word in words[:most] for word in asked) / len(asked) for words in read)
        cut = tuple(number for number, words in enumerate(read) if most is not None and len(words) > most)
        return Reranking(scores, sum(len(asked) + len(words[:most]) for words in read), cut)

    async def embed_images(self, request: ImageEmbeddingRequest) -> Embeddings:
        await self._begin(request.model, request)
        for image in request.images:
            _sniff(image, _IMAGES)
        inputs = [*request.images, *(text.encode() for text in request.texts)]
        return Embeddings(vectors(inputs), sum(len(text.split()) for text in request.texts), "fake-float32")

    async def extract_text(self, request: TextExtractionRequest) -> ExtractedText:
        await self._begin(request.model, request)
        kind = _sniff(request.image, _IMAGES)
        line = TextLine(f"{len(request.image)} bytes of {kind}", 0.9, ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)))
        return ExtractedText(line.text, (line,), 10, 10, kind)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        """Says how long the file is, one word a second."""
        await self._begin(request.model, request)
        kind = _sniff(request.audio, _SOUNDS)
        said = [f" {len(request.audio)}", " bytes", f" of {kind}."]
        spoken = tuple(Word(word, float(at), at + 1.0, 0.9) for at, word in enumerate(said)) if request.word_timestamps else ()
        segment = Segment(0, "".join(said), 0.0, 3.0, (1, 2, 3), request.temperature, -0.1, 1.0, 0.01, spoken)
        return Transcript("".join(said).strip(), request.language or "en", 0.99, 3.0, 3.0, (segment,), kind)

    async def close(self) -> None:
        """Nothing to close; there because the real one has it."""

    def _answer(self, request: GenerationRequest) -> list[GenerationDelta]:
        if self.calls is None or not request.tools:
            return _deltas(request, self._script(request))
        calls = self.calls.pop(0) if self.calls and request.tool_choice != "none" else ()
        return _called(request, calls) if calls else _deltas(replace(request, tool_choice="none"))

    def _script(self, request: GenerationRequest) -> str | None:
        if self.scripted and request.response_format.kind == "json_schema":
            return self.scripted.pop(0)
        return self.reply(request) if self.reply is not None else None

    async def _begin(self, model: str, request: object, noted: list[object] | None = None) -> None:
        (self.asked if noted is None else noted).append(request)
        await self._break(model)
        await self._pause()

    async def _break(self, model: str) -> None:
        if model in self.failures:
            raise self.failures[model]
        if model in self.hangs:
            await asyncio.Event().wait()

    async def _pause(self) -> None:
        if self.held is not None:
            await self.held.wait()
        if math.isinf(self.pace_s):
            await asyncio.Event().wait()
        if self.pace_s:
            await asyncio.sleep(self.pace_s)


def _use(status: ModelStatus) -> ModelUse:
    return ModelUse(
        model=status.id,
        device=status.device,
        resident=status.state is ModelState.READY,
        loading=status.state is ModelState.LOADING,
        ongoing=0,
        queued=0,
        loads_total=1,
        evictions_total=0,
        last_load_s=0.5,
        budget_bytes=status.budget_bytes,
        measured_bytes=None,
    )


def _deltas(request: GenerationRequest, script: str | None = None) -> list[GenerationDelta]:
    tool = forced_tool(request)
    if tool is not None:
        return _tool_deltas(request, tool)
    full = words(request) if script is None else [script]
    tokens = until_stop(full, request.sampling.stop)
    finish: FinishReason = "stop"
    most = request.sampling.max_tokens
    if most is not None and most < len(tokens):
        tokens, finish = tokens[:most], "length"
    deltas = [GenerationDelta(text=token, logprobs=_logprobs(token, request.sampling.top_logprobs)) for token in tokens]
    usage = Usage(prompt_tokens(request), len(tokens), min(1, prompt_tokens(request)))
    return [*deltas, GenerationDelta(finish_reason=finish, usage=usage)]


def _tool_deltas(request: GenerationRequest, tool: str) -> list[GenerationDelta]:
    function = next(
        inner for inner in (entry.get("function") for entry in request.tools) if isinstance(inner, dict) and inner.get("name") == tool
    )
    schema = function.get("parameters")
    arguments = str(example_of(schema if isinstance(schema, dict) else {"type": "object"})).replace("'", '"')
    pieces = [
        ToolCallDelta(0, id=f"call_{request.request_id}", name=tool),
        *(ToolCallDelta(0, arguments=part) for part in arguments.partition(" ")),
    ]
    deltas = [GenerationDelta(tool_calls=(piece,)) for piece in pieces]
    return [*deltas, GenerationDelta(finish_reason="tool_calls", usage=Usage(prompt_tokens(request), len(pieces)))]


def _called(request: GenerationRequest, calls: Sequence[tuple[str, str]]) -> list[GenerationDelta]:
    """Each in two pieces, as engines send them; their ids differ within a chat."""
    said = sum(len(message.tool_calls) for message in request.messages)
    deltas = []
    for index, (name, arguments) in enumerate(calls):
        deltas.append(GenerationDelta(tool_calls=(ToolCallDelta(index, f"call_{said + index}", name),)))
        deltas.append(GenerationDelta(tool_calls=(ToolCallDelta(index, arguments=arguments),)))
    return [*deltas, GenerationDelta(finish_reason="tool_calls", usage=Usage(prompt_tokens(request), len(deltas)))]


def _logprobs(token: str, alternatives: int | None) -> tuple[TokenLogprob, ...]:
    if alternatives is None:
        return ()
    top = tuple((token if rank == 0 else f"{token}{rank}", -0.1 - rank) for rank in range(alternatives))
    return (TokenLogprob(token, -0.1, top),)


def _sniff(content: bytes, formats: Mapping[bytes, str]) -> str:
    for magic, name in formats.items():
        if content.startswith(magic):
            return name
    raise UnsupportedMedia(f"The file starts with {content[:4].hex()}, which is none of {', '.join(sorted(set(formats.values())))}.")

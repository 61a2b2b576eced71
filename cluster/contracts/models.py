"""What Hearth knows about a model in service: its card, where it stands, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

ReadingForm = Literal["numbered", "passage"]


class ModelKind(StrEnum):
    """What a model is asked to do; each kind has one deployment class."""

    LLM = "llm"
    EMBEDDING = "embedding"
    CLIP = "clip"
    OCR = "ocr"
    TRANSCRIPTION = "transcription"
    RERANKER = "reranker"


class ModelState(StrEnum):
    """``ready``: a replica answers. ``loading``: one is starting. ``idle``: on demand, not resident, a request loads it.
    ``not_pulled``: weights are not on this machine. ``rejected``: does not fit the budget. ``failed``: its last start failed."""

    READY = "ready"
    LOADING = "loading"
    IDLE = "idle"
    NOT_PULLED = "not_pulled"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model is shown what documents say. ``numbered``: passages with numbers, and instructions to cite them. ``passage``: one plain
    passage and the question, nothing else, for a model that was trained on just that. ``chars``: most characters of passages; None: what
    its context holds."""

    form: ReadingForm = "numbered"
    chars: int | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the profile in force, as shown by ``/v1/models``, ``/api/v1/models/{id}``, ``status`` and the ready panel.

    ``budget_bytes`` is the memory the plan gave it on ``device``; ``reason`` is a sentence for people: why this engine and place,
    or why it is rejected or not pulled and what to do. ``created`` is a Unix time.
    """

    id: str
    kind: ModelKind
    state: ModelState
    capabilities: tuple[str, ...]
    engine: str
    device: str
    dtype: str
    budget_bytes: int
    pinned: bool
    context_tokens: int | None
    reason: str
    created: int
    owned_by: str
    nano: bool = False
    adapters: tuple[str, ...] = ()
    reading: Reading = Reading()

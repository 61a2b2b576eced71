"""How collections are searched: one YAML file for each way, in ``configs/retrieval`` or the owner's ``retrieval`` folder in HEARTH_HOME.

A way has a name and a version, which every answer repeats: figures of an evaluation, and citations, can be traced to what they were made
with. Whoever changes a file counts its version up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from cluster.contracts.retrieval import SearchMode
from cluster.errors import ConfigError, NotFound
from cluster.home import REPOSITORY
from cluster.specs.loader import Spec, load_spec, nearest

RETRIEVAL = REPOSITORY / "configs" / "retrieval"
DEFAULT = "default"


class RerankSpec(Spec):
    """The best are read together with the question by a cross-encoder, and ordered anew."""

    model: str = Field(
        min_length=1, max_length=200, description="Reranker of the profile; without it hits stay as they are, and a note says so."
    )
    candidates: int = Field(30, ge=1, le=200, description="How many of the best are read; what is not read is left out.")
    minimum: float | None = Field(None, ge=0, le=1, description="What the reranker scores less is left out.")
    document_tokens: int | None = Field(
        None, ge=16, le=8192, description="Tokens of each that are read; by default as many as the model takes beside the question."
    )


class Searching(Spec):
    """What can be chosen of a search."""

    mode: SearchMode = Field(
        "hybrid", description="`dense`: by meaning; `sparse`: by words (BM25); `hybrid`: both, fused by reciprocal rank."
    )
    limit: int = Field(6, ge=1, le=100, description="Passages that are given, unless fewer or more are asked for.")
    candidates: int = Field(60, ge=1, le=1000, description="Hits of each part before they are fused.")
    rrf_k: int = Field(60, ge=0, le=1000, description="The k of reciprocal rank fusion; the smaller, the more the first ranks count.")
    dense_weight: float = Field(1.0, ge=0, le=100, description="How much a rank by meaning counts.")
    sparse_weight: float = Field(1.0, ge=0, le=100, description="How much a rank by words counts.")
    dense_minimum: float | None = Field(None, ge=-1, le=1, description="A cosine; what is less alike is not found by meaning.")
    sparse_minimum: float | None = Field(None, ge=0, le=1000, description="A BM25 score; what has less is not found by words.")
    fused_minimum: float | None = Field(None, ge=0, le=100, description="Least sum of reciprocal ranks; only with `hybrid`.")
    diversity: float | None = Field(
        None, ge=0, le=1, description="Maximal marginal relevance: 1 is relevance alone, 0 difference alone; null: it is left out."
    )
    rerank: RerankSpec | None = Field(None, description="Null: hits are not read again.")
    parents: bool = Field(True, description="Whether a hit is shown with the larger chunk around it, where there is one.")
    fold: float | None = Field(
        0.9, ge=0.5, le=1, description="Share of equal groups of three words from which two texts are one hit; null: all are shown."
    )
    question_chars: int = Field(2000, ge=16, le=100_000, description="Of a longer question the end is searched with, in characters.")
    passages_chars: int = Field(12_000, ge=200, le=1_000_000, description="All passages that a language model is shown, in characters.")
    support: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of a citing sentence's words that one sentence of the passage must have; else the citation is dropped.",
    )
    attribution: float | None = Field(
        0.9,
        ge=0.5,
        le=1,
        description="Share, not less than `support`, from which a sentence of an answer that cites nothing is attributed; null: none is.",
    )


class RetrievalSpec(Searching):
    """One way to search."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Also the name of its file.")
    version: int = Field(ge=1, description="Counted up with every change.")
    description: str = Field(max_length=500, description="When to choose it.")

    @model_validator(mode="after")
    def _enough(self) -> RetrievalSpec:
        if self.candidates < self.limit:
            raise ValueError(f"{self.candidates} candidates are fewer than the limit of {self.limit}; raise 'candidates'")
        if self.rerank is not None and self.rerank.candidates < self.limit:
            raise ValueError(f"{self.rerank.candidates} are read again, fewer than the limit of {self.limit}; raise 'rerank.candidates'")
        return self

    @property
    def title(self) -> str:
        """Name and version, as in ``default@1``."""
        return f"{self.name}@{self.version}"


class RetrievalSettings:
    """All ways to search by name. Iteration is in order of name."""

    def __init__(self, specs: dict[str, RetrievalSpec]) -> None:
        self._specs = dict(sorted(specs.items()))

    @classmethod
    def load(cls, *folders: Path) -> RetrievalSettings:
        """Every ``*.yaml`` of ``folders``; of two with one name the later folder's counts. Raises ConfigError, one line."""
        specs: dict[str, RetrievalSpec] = {}
        for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
            spec = load_spec(path, RetrievalSpec)
            if path.stem != spec.name:
                raise ConfigError(f"{path}: the name is '{spec.name}'; name the file {spec.name}.yaml.")
            specs[spec.name] = spec
        return cls(specs)

    def get(self, name: str) -> RetrievalSpec:
        """Raises NotFound naming the nearest."""
        if name not in self._specs:
            hint = nearest(name, self._specs)
            choice = f"did you mean '{hint}'?" if hint else f"there are {', '.join(self._specs)}."
            raise NotFound(f"There are no retrieval settings of that name; {choice}")
        return self._specs[name]

    def __iter__(self) -> Iterator[RetrievalSpec]:
        return iter(self._specs.values())


@cache
def retrieval_settings(home: Path) -> RetrievalSettings:
    """Ours and those of the owner of ``home``, read once in a process."""
    return RetrievalSettings.load(RETRIEVAL, home / "retrieval")

"""The model catalog: one YAML file per model in ``configs/catalog``.

A new model is one file; a new engine is one more file in ``deployments/engines``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field, field_validator

from cluster.contracts.models import ModelKind, ReadingForm
from cluster.errors import ConfigError, ModelNotFound
from cluster.specs.loader import Spec, load_spec, nearest

MODEL_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")

EngineName = Literal[
    "llama_cpp", "vllm", "onnx_embedding", "sentence_transformers", "open_clip", "rapidocr", "faster_whisper", "cross_encoder"
]
Dtype = Literal["float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16"]


class BundledSource(Spec):
    """Weights in this repository, at ``path`` below its root."""

    kind: Literal["bundled"]
    path: str


class PackageSource(Spec):
    """Weights carried by an installed Python package (import name)."""

    kind: Literal["package"]
    package: str


class PathSource(Spec):
    """Weights in a folder or file of the owner's."""

    kind: Literal["path"]
    path: Path


class HubSource(Spec):
    """Weights on the Hugging Face Hub, fetched by ``hearth models pull`` into HEARTH_HOME/models."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = "main"
    files: tuple[str, ...] = Field((), description="Files to fetch; empty: the whole repository.")
    sha256: dict[str, str] = Field(
        default_factory=dict, description="Expected SHA-256 of a file, in hex; without one, what the hub states is checked."
    )


Source = Annotated[BundledSource | PackageSource | PathSource | HubSource, Field(discriminator="kind")]


class Variant(Spec):
    """The model in the form one engine loads. ``file`` is relative to the source; absent: the source's whole folder."""

    engine: EngineName
    source: Source
    file: str | None = None
    quantization: str | None = Field(None, description="For example Q4_K_M, Q8_0, int8.")
    weights: ByteSize | None = Field(
        None, description="Bytes of the weights, for planning before they are pulled; the files decide once they are here."
    )


class Architecture(Spec):
    """What the memory estimate needs, for planning before the weights are here; file headers decide once they are."""

    layers: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    hidden_size: int = Field(ge=1)
    vocab_size: int = Field(ge=1)
    experts: int | None = None


class ReadingSpec(Spec):
    """How a language model is shown what documents say."""

    form: ReadingForm = Field(
        "numbered",
        description="`numbered`: passages as numbered data, with instructions to cite them. `passage`: one plain passage and the question, "
        "and nothing else, for a model that was trained on just that; what its answer says is then attributed by Hearth.",
    )
    chars: int | None = Field(None, ge=40, description="Most characters of passages that it reads well; null: what its context holds.")


class SamplingSpec(Spec):
    """What its authors recommend, where a request says nothing of it. Both engines are told, so that they answer alike: of a model's own
    ``generation_config.json`` vLLM reads a part and llama.cpp nothing (it would sample at 0.8)."""

    temperature: float | None = Field(None, ge=0, le=2, description="0: always the likeliest token.")
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=1)
    min_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)


class ModelSpec(Spec):
    """One model of the catalog."""

    id: str
    kind: ModelKind
    description: str
    license: str = Field(description="SPDX identifier, or the licence's name.")
    owned_by: str = "hearth"
    nano: bool = Field(
        False, description="A small demonstration model of ours: works offline, answers simply; a larger one should be configured."
    )
    capabilities: tuple[str, ...] = ()
    context_tokens: int | None = Field(None, ge=1, description="Longest prompt plus answer the model was trained for, in tokens.")
    dimensions: int | None = Field(None, ge=1, description="Length of an embedding vector.")
    reading: ReadingSpec = ReadingSpec()
    sampling: SamplingSpec = Field(SamplingSpec(), description="Of a language model; what is left out is the engine's own default.")
    architecture: Architecture | None = None
    variants: tuple[Variant, ...] = Field(min_length=1)

    @field_validator("id")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not MODEL_ID.fullmatch(value):
            raise ValueError("use lower-case letters, digits, '.', '_' and '-', at most 64 characters")
        return value


class Catalog:
    """All models by id. Iteration is in order of id."""

    def __init__(self, models: dict[str, ModelSpec]) -> None:
        self._models = dict(sorted(models.items()))

    @classmethod
    def load(cls, *folders: Path) -> Catalog:
        """Every ``*.yaml`` of ``folders``; of two with one id the later folder's counts, so that an owner can change an entry of ours.

        Raises ConfigError where a file is wrong or its name is not its model's id.
        """
        models: dict[str, ModelSpec] = {}
        for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
            spec = load_spec(path, ModelSpec)
            if path.stem != spec.id:
                raise ConfigError(f"{path}: the id is '{spec.id}'; name the file {spec.id}.yaml.")
            models[spec.id] = spec
        return cls(models)

    def get(self, model_id: str) -> ModelSpec:
        """The model; raises ModelNotFound naming the nearest id."""
        try:
            return self._models[model_id]
        except KeyError:
            hint = nearest(model_id, self._models)
            raise ModelNotFound(f"The catalog has no model '{model_id}'" + (f"; did you mean '{hint}'?" if hint else ".")) from None

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

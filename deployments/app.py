"""The Serve application of all models: one deployment for each, named by its model's id.

``build`` is the ``import_path`` of the models application; replica counts, shares of devices and queues stand in the Serve config file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import serve

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import MODELS_ROOT, ReplicaSpec
from cluster.serving.args import ModelsArgs
from deployments.audio import Transcription
from deployments.embedding import Embedding
from deployments.llm import Llm
from deployments.reranker import Reranker
from deployments.vision import Clip, Ocr

CLASSES: dict[ModelKind, type[Any]] = {
    ModelKind.LLM: Llm,
    ModelKind.EMBEDDING: Embedding,
    ModelKind.RERANKER: Reranker,
    ModelKind.CLIP: Clip,
    ModelKind.OCR: Ocr,
    ModelKind.TRANSCRIPTION: Transcription,
}


class Models:
    """The root that a Serve application needs. Nothing is sent through it: callers hold handles to the models."""

    def __init__(self, *models: object) -> None:
        pass


def build(args: ModelsArgs | Mapping[str, Any]) -> serve.Application:
    """``args`` as they are, or as JSON, which is how Serve hands them over."""
    bound = [_bind(spec) for spec in ModelsArgs.model_validate(args).models]
    return _deployed(Models, MODELS_ROOT, {"num_cpus": 0}).bind(*bound)


def _bind(spec: ReplicaSpec) -> serve.Application:
    return _deployed(CLASSES[spec.kind], spec.model, {}).bind(spec.model_dump(mode="json"))


def _deployed(served: type[Any], name: str, actor_options: dict[str, int]) -> serve.Deployment:
    return serve.deployment(name=name, ray_actor_options=actor_options)(served)

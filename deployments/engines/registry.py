"""Finding the module of an engine by its name."""

from __future__ import annotations

import importlib
from typing import Any

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError
from cluster.specs.catalog import EngineName

# The extra of pyproject.toml that brings what an engine imports.
EXTRAS: dict[EngineName, str] = {
    "llama_cpp": "llamacpp",
    "vllm": "vllm",
    "onnx_embedding": "embeddings",
    "sentence_transformers": "embeddings",
    "cross_encoder": "embeddings",
    "open_clip": "vision",
    "rapidocr": "vision",
    "faster_whisper": "audio",
}


def load_engine(spec: ReplicaSpec) -> Any:
    """The engine of ``spec``, loaded: an object of the protocol of ``spec.kind`` (see protocols.py), which the caller annotates.

    Raises ConfigError naming the extra to install when the engine's package is missing, and whatever the engine's ``load`` raises.
    """
    try:
        module = importlib.import_module(f"deployments.engines.{spec.engine}")
    except ModuleNotFoundError as error:
        missing = error.name or "a package"
        raise ConfigError(
            f"Model '{spec.model}' needs the engine {spec.engine}, but the package '{missing}' is not installed: "
            f"pip install 'hearth[{EXTRAS[spec.engine]}]', or choose another engine in the profile."
        ) from error
    return module.load(spec)

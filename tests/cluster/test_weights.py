from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cluster.contracts.models import ModelKind
from cluster.errors import ConfigError
from cluster.home import Home
from cluster.specs.catalog import BundledSource, HubSource, ModelSpec, PackageSource, PathSource, Source, Variant
from cluster.weights import RECORD, WeightsState, inspect, locate, prepared, pulled, variant_key

HUB = HubSource(kind="hub", repo="owner/model")


def model_of(source: Source, file: str | None = None, quantization: str | None = None) -> ModelSpec:
    variant = Variant(engine="llama_cpp", source=source, file=file, quantization=quantization)
    return ModelSpec(id="some-model", kind=ModelKind.LLM, description="d", license="MIT", variants=(variant,))


def record_of(files: dict[str, bytes]) -> str:
    listed = {name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()}
    return json.dumps({"origin": "there", "revision": "main", "completed_at": "2026-01-01T00:00:00+00:00", "files": listed})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def whole(home: Home) -> ModelSpec:
    """A model whose pulled folder is complete."""
    model = model_of(HUB, "a/weights.gguf")
    root = pulled(model, model.variants[0], home)
    (root / "a").mkdir(parents=True)
    (root / "a" / "weights.gguf").write_bytes(b"GGUF1234")
    (root / RECORD).write_text(record_of({"a/weights.gguf": b"GGUF1234"}))
    return model


def test_a_pulled_folder_with_its_record_is_located(home, whole):
    found = inspect(whole, whole.variants[0], home)
    assert (found.state, found.size_bytes) == (WeightsState.HERE, 8)
    assert locate(whole, whole.variants[0], home) == found.path == pulled(whole, whole.variants[0], home)


def test_a_folder_without_a_record_is_an_interrupted_pull(home, whole):
    (pulled(whole, whole.variants[0], home) / RECORD).unlink()
    found = inspect(whole, whole.variants[0], home)
    assert found.state is WeightsState.MISSING
    assert "interrupted" in found.reason
    assert "hearth models pull some-model" in found.reason


def test_what_was_never_pulled_says_how_to_pull_it(home):
    model = model_of(HUB)
    assert inspect(model, model.variants[0], home).reason == "Not pulled; run `hearth models pull some-model` to fetch it."


@pytest.mark.parametrize("damage", ["truncated", "deleted", "record"])
def test_a_damaged_folder_is_not_located_and_says_why(home, whole, damage):
    root = pulled(whole, whole.variants[0], home)
    weights = root / "a" / "weights.gguf"
    if damage == "truncated":
        weights.write_bytes(b"GGUF")
    elif damage == "deleted":
        weights.unlink()
    else:
        (root / RECORD).write_text("{ not json")
    found = inspect(whole, whole.variants[0], home)
    assert found.state is WeightsState.BROKEN
    assert locate(whole, whole.variants[0], home) is None
    assert "hearth models pull some-model" in found.reason


def test_a_record_that_points_outside_its_folder_is_not_believed(home, whole, tmp_path):
    (tmp_path / "home" / "secret").write_bytes(b"12345678")
    (pulled(whole, whole.variants[0], home) / RECORD).write_text(record_of({"../../../secret": b"12345678"}))
    assert inspect(whole, whole.variants[0], home).state is WeightsState.BROKEN


@pytest.mark.parametrize("path", ["../elsewhere", "/etc/passwd", "configs/../../elsewhere"])
def test_a_bundled_path_outside_the_repository_is_refused(home, path):
    model = model_of(BundledSource(kind="bundled", path=path))
    with pytest.raises(ConfigError, match="leaves the repository"):
        locate(model, model.variants[0], home)


def test_a_file_outside_its_source_is_refused(home, tmp_path):
    model = model_of(PathSource(kind="path", path=tmp_path), file="../x.gguf")
    with pytest.raises(ConfigError, match="leaves its source"):
        locate(model, model.variants[0], home)


def test_bundled_weights_are_found_below_the_repository(home):
    model = model_of(BundledSource(kind="bundled", path="cluster"), file="weights.py")
    assert locate(model, model.variants[0], home) == Path(__file__).resolve().parents[2] / "cluster"


def test_a_path_of_the_owner_is_found_whether_file_or_folder(home, tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    as_file = model_of(PathSource(kind="path", path=tmp_path / "m.gguf"), file="m.gguf")
    as_folder = model_of(PathSource(kind="path", path=tmp_path), file="m.gguf")
    assert locate(as_file, as_file.variants[0], home) == tmp_path / "m.gguf"
    assert locate(as_folder, as_folder.variants[0], home) == tmp_path
    assert inspect(as_folder, as_folder.variants[0], home).size_bytes == 4


def test_a_missing_or_empty_path_says_so(home, tmp_path):
    (tmp_path / "empty.gguf").touch()
    for path, said in ((tmp_path / "nowhere", "does not exist"), (tmp_path / "empty.gguf", "holds no weights")):
        model = model_of(PathSource(kind="path", path=path))
        found = inspect(model, model.variants[0], home)
        assert found.path is None
        assert said in found.reason


def test_weights_in_a_package_are_found_without_importing_it(home, tmp_path, monkeypatch):
    package = tmp_path / "carries_weights"
    (package / "assets").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "assets" / "model.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, root in (("carries_weights", package), ("carries_weights.assets", package / "assets")):
        model = model_of(PackageSource(kind="package", package=name))
        found = inspect(model, model.variants[0], home)
        assert (found.path, found.size_bytes) == (root, 7)


def test_a_package_that_is_not_installed_is_named(home):
    model = model_of(PackageSource(kind="package", package="no_such_package_here"))
    assert "'no_such_package_here'" in inspect(model, model.variants[0], home).reason


def test_variants_of_different_sources_live_in_different_folders(home):
    one = Variant(engine="llama_cpp", source=HUB, quantization="Q4_K_M")
    other = Variant(engine="llama_cpp", source=HUB.model_copy(update={"revision": "v2"}), quantization="Q4_K_M")
    assert variant_key(one) != variant_key(other)
    assert variant_key(one).startswith("llama_cpp-Q4_K_M-")
    model = model_of(HUB)
    assert prepared(model, one, home).parent == pulled(model, one, home).parent == home.models / "some-model"
    assert prepared(model, one, home) != pulled(model, one, home)


def test_a_strange_quantisation_cannot_leave_the_folder(home):
    variant = Variant(engine="llama_cpp", source=HUB, quantization="../../x")
    assert "/" not in variant_key(variant)

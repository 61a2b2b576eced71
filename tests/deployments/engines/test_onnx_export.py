from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.errors import ConfigError
from deployments.engines.onnx_export import GRAPH, LEAST_COSINE, RECORD, prepare, read_record


def test_an_export_records_where_it_came_from_and_how_close_it_is(minilm_onnx: Path) -> None:
    record = read_record(minilm_onnx)
    assert record.mean_cosine >= LEAST_COSINE
    assert (record.dimensions, record.max_tokens, record.variant) == (384, 256, "onnx-int8-static")
    assert len(record.source_sha256) == 64


def test_preparing_again_leaves_a_finished_export_as_it_is(minilm_folder: Path, minilm_onnx: Path) -> None:
    before = (minilm_onnx / GRAPH).stat().st_mtime_ns
    assert prepare(minilm_folder, minilm_onnx) == minilm_onnx
    assert (minilm_onnx / GRAPH).stat().st_mtime_ns == before


def test_an_export_of_an_older_recipe_is_made_anew(tmp_path: Path, minilm_folder: Path, minilm_onnx: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(minilm_onnx, older)
    record = json.loads((older / RECORD).read_text())
    del record["recipe"]
    (older / RECORD).write_text(json.dumps(record))
    assert read_record(older).recipe == 1
    prepare(minilm_folder, older)
    assert read_record(older) == read_record(minilm_onnx)


def test_an_export_without_its_record_is_not_taken_for_one(tmp_path: Path, minilm_onnx: Path) -> None:
    (tmp_path / GRAPH).write_bytes((minilm_onnx / GRAPH).read_bytes())
    with pytest.raises(ConfigError, match="no finished export"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(ConfigError, match="no finished export"):
        read_record(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model\.safetensors"):
        prepare(tmp_path, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_serving_an_export_imports_no_torch(minilm_onnx: Path) -> None:
    program = (
        "import sys; from cluster.contracts.serving import ReplicaSpec; from deployments.embedding import Embedding;"
        "Embedding({'model': 'minilm', 'kind': 'embedding', 'engine': 'onnx_embedding', 'path': sys.argv[1], 'dtype': 'int8',"
        "'device': 'cpu', 'budget_bytes': 0, 'device_bytes': 0}); print('torch' in sys.modules, 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(minilm_onnx)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split()[-2:] == ["False", "False"], done.stderr

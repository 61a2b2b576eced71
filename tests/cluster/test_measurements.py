from __future__ import annotations

import subprocess
import sys

import pytest

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError
from cluster.measurements import FILE, MARGIN_BYTES, MeasurementKey, Measurements, record_replica

KEY = MeasurementKey("qwen3-8b", "Q6_K", 16384, 2, "llama_cpp", "Tesla P40")

WRITER = """
import sys
from pathlib import Path
from cluster.measurements import MeasurementKey, Measurements
book = Measurements(Path(sys.argv[1]))
for i in range(20):
    book.record(MeasurementKey("shared", None, 0, 1, "llama_cpp", "card"), 100, peak_bytes=int(sys.argv[2]) * 100 + i)
    book.record(MeasurementKey(f"own-{sys.argv[2]}", None, 0, 1, "llama_cpp", "card"), 100, load_s=float(i))
"""


def test_nothing_is_known_and_nothing_written_before_the_first_record(tmp_path):
    assert Measurements(tmp_path / "state").get(KEY) is None
    assert not (tmp_path / "state").exists()


def test_the_largest_peak_and_the_latest_load_are_kept(tmp_path):
    book = Measurements(tmp_path)
    book.record(KEY, 1000, peak_bytes=900, load_s=4.0)
    book.record(KEY, 1000, peak_bytes=700)
    known = Measurements(tmp_path).get(KEY)
    assert known is not None
    assert (known.predicted_bytes, known.peak_bytes, known.load_s, known.samples) == (1000, 900, 4.0, 2)


def test_the_next_budget_is_the_peak_with_a_margin(tmp_path):
    known = Measurements(tmp_path).record(KEY, 1000, peak_bytes=10 * 2**30)
    assert known.budget_bytes == int(10 * 2**30 * 1.05) + MARGIN_BYTES


def test_another_context_or_card_is_another_measurement(tmp_path):
    book = Measurements(tmp_path)
    book.record(KEY, 1000, peak_bytes=900)
    assert book.get(MeasurementKey("qwen3-8b", "Q6_K", 8192, 2, "llama_cpp", "Tesla P40")) is None
    assert book.get(MeasurementKey("qwen3-8b", "Q6_K", 16384, 2, "llama_cpp", "Tesla P100")) is None


def test_what_a_replica_records_is_found_under_its_key(tmp_path):
    spec = ReplicaSpec(
        model="qwen3-8b",
        kind=ModelKind.LLM,
        engine="llama_cpp",
        path="/models/any",
        quantization="Q6_K",
        dtype="int8_float32",
        device="cuda",
        device_name="Tesla P40",
        budget_bytes=1000,
        device_bytes=2000,
        context_tokens=16384,
        parallel=2,
        state_dir=str(tmp_path),
    )
    assert MeasurementKey.of(spec) == KEY
    record_replica(spec, peak_bytes=900, load_s=3.0)
    known = Measurements(tmp_path).get(KEY)
    assert known is not None
    assert (known.predicted_bytes, known.peak_bytes, known.load_s) == (1000, 900, 3.0)


def test_a_replica_without_a_state_folder_records_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = ReplicaSpec(
        model="any",
        kind=ModelKind.OCR,
        engine="rapidocr",
        path="/models/any",
        dtype="float32",
        device="cpu",
        budget_bytes=1,
        device_bytes=2,
    )
    record_replica(spec, peak_bytes=900)
    assert list(tmp_path.iterdir()) == []


def test_many_processes_record_at_once_and_nothing_is_lost(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)]) for number in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    book = Measurements(tmp_path)
    shared = book.get(MeasurementKey("shared", None, 0, 1, "llama_cpp", "card"))
    assert shared is not None
    assert (shared.samples, shared.peak_bytes) == (80, 319)
    for number in range(4):
        own = book.get(MeasurementKey(f"own-{number}", None, 0, 1, "llama_cpp", "card"))
        assert own is not None
        assert (own.samples, own.load_s, own.peak_bytes) == (20, 19.0, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, f"{FILE}.lock"]


def test_a_damaged_file_says_what_to_do(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ConfigError, match="delete the file"):
        Measurements(tmp_path).get(KEY)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from safetensors.numpy import save_file

from cluster.engines import EngineChoice, choose_engine
from cluster.errors import ConfigError
from cluster.hardware import Device, cpu_device
from cluster.specs.catalog import Architecture, ModelSpec
from cluster.specs.profile import ServedModel
from cluster.vram.adapters import NO_ROOM, AdapterRoom
from cluster.vram.estimate import GPU_RUNTIME, estimate
from cluster.vram.headers import WeightFacts, read_facts

P40 = Device("gpu-0", "Tesla P40", 23040 * 2**20, "6.1")
A100 = Device("gpu-0", "A100", 40960 * 2**20, "8.0")
MIB = 2**20
QWEN3_8B = {"layers": 36, "kv_heads": 8, "head_dim": 128, "hidden_size": 4096, "vocab_size": 151936}


def model(kind: str, engine: str, weights=None, quantization=None, architecture=None) -> ModelSpec:
    variant = {"engine": engine, "source": {"kind": "path", "path": "/models/any"}, "weights": weights, "quantization": quantization}
    return ModelSpec.model_validate(
        {"id": "any", "kind": kind, "description": "", "license": "MIT", "architecture": architecture, "variants": [variant]}
    )


def chosen(spec: ModelSpec, device: Device) -> EngineChoice:
    choice = choose_engine(spec, device)
    assert isinstance(choice, EngineChoice), choice
    return choice


def estimated(spec: ModelSpec, device: Device, context: int = 0, parallel: int = 1, facts: WeightFacts | None = None):
    return estimate(spec, chosen(spec, device), context, parallel, facts)


def write_gguf(path: Path, tensors: int = 3, kv_heads: int | list[int] = 2, tokens: int = 100) -> Path:
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(4)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(kv_heads)
    writer.add_token_list([f"token {i}" for i in range(tokens)])
    writer.add_array("general.languages", ["en", "de"])
    for i in range(tensors):
        writer.add_tensor(f"blk.{i}.weight", np.zeros((32, 34), dtype=np.uint8), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_header_gives_weights_parameters_and_shape(tmp_path):
    facts = read_facts(write_gguf(tmp_path / "model.gguf"))
    # A Q8_0 block is 34 bytes for 32 numbers.
    assert facts.size_bytes == 3 * 32 * 34
    assert facts.parameters == 3 * 32 * 32
    assert facts.architecture == Architecture(layers=4, kv_heads=2, head_dim=64, hidden_size=256, vocab_size=100)


def test_layers_with_different_kv_heads_count_as_the_largest(tmp_path):
    facts = read_facts(write_gguf(tmp_path / "model.gguf", kv_heads=[2, 0, 4, 2]))
    assert facts.architecture is not None
    assert facts.architecture.kv_heads == 4


def test_the_parts_of_a_split_gguf_are_summed(tmp_path):
    for part in (1, 2):
        write_gguf(tmp_path / f"model-0000{part}-of-00002.gguf")
    write_gguf(tmp_path / "other.gguf")
    assert read_facts(tmp_path, "model-00001-of-00002.gguf").size_bytes == 2 * 3 * 32 * 34


@pytest.mark.parametrize("keep", [3, 4, 8, 40, 500])
def test_a_truncated_gguf_is_named_with_the_cure(tmp_path, keep):
    path = write_gguf(tmp_path / "model.gguf")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ConfigError, match=r"model.gguf: not a readable GGUF file .* pull the model again"):
        read_facts(path)


def test_an_empty_gguf_is_named_with_the_cure(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(ConfigError, match="not a readable GGUF file"):
        read_facts(tmp_path / "model.gguf")


def test_a_safetensors_folder_gives_bytes_parameters_and_the_shape_of_its_config(tmp_path):
    save_file({"a": np.zeros((10, 20), dtype=np.float32)}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": np.zeros((5,), dtype=np.float16)}, tmp_path / "model-00002-of-00002.safetensors")
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64, "vocab_size": 11}
    (tmp_path / "config.json").write_text(json.dumps(config))
    facts = read_facts(tmp_path)
    assert (facts.size_bytes, facts.parameters) == (810, 205)
    assert facts.architecture == Architecture(layers=2, kv_heads=2, head_dim=16, hidden_size=64, vocab_size=11)


def test_the_config_of_a_model_with_several_parts_counts_its_text_part(tmp_path):
    save_file({"a": np.zeros(4, dtype=np.float32)}, tmp_path / "model.safetensors")
    text = {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 8, "vocab_size": 5, "head_dim": 16}
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": {}, "text_config": text}))
    facts = read_facts(tmp_path)
    assert facts.architecture is not None
    assert (facts.architecture.layers, facts.architecture.head_dim) == (3, 16)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x04\0\0\0\0\0\0\0null", b"\x02\0\0\0\0\0\0\0{}"[:9]])
def test_a_broken_safetensors_file_is_named_with_the_cure(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ConfigError, match=r"model.safetensors: not a readable safetensors file .* pull the model again"):
        read_facts(tmp_path)


def test_files_without_a_header_count_with_their_size(tmp_path):
    (tmp_path / "nested").mkdir()
    (tmp_path / "model.bin").write_bytes(b"x" * 100)
    (tmp_path / "nested" / "det.onnx").write_bytes(b"x" * 20)
    (tmp_path / "vocabulary.json").write_text("{}")
    assert read_facts(tmp_path) == WeightFacts(120, None, None)


def test_a_folder_without_weights_says_what_was_looked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"no weights found .*safetensors"):
        read_facts(tmp_path)


def test_the_kv_cache_of_a_known_model_is_what_its_shape_says():
    # Qwen3-8B: 36 layers x 8 heads x 128 x (K and V) x 2 bytes = 144 KiB a token.
    made = estimated(model("llm", "llama_cpp", "6.73 GB", "Q6_K", QWEN3_8B), P40, context=16384, parallel=2)
    assert made.kv_cache_bytes == 2 * 16384 * 144 * 1024
    assert made.weights_bytes == 6_730_000_000
    assert made.runtime_bytes == GPU_RUNTIME["llama_cpp"]
    assert made.total_bytes == made.weights_bytes + made.kv_cache_bytes + made.compute_bytes + made.runtime_bytes


def test_room_for_adapters_is_no_less_than_their_weights():
    # Rank 64 on all linear layers of Qwen3-8B: 36 layers of (4096 + 4096) + 2 x (4096 + 1024) + (4096 + 4096) + 3 x (4096 + 12288).
    weights = 64 * 36 * (2 * 8192 + 2 * 5120 + 3 * 16384) * 2
    shape = Architecture.model_validate(QWEN3_8B)
    served = ServedModel(model="any")
    room = AdapterRoom.of(served, "vllm", shape)
    assert weights <= room.bytes(shape, 2) / 3 <= 1.5 * weights, "two, and one slot that is nobody's"
    experts = shape.model_copy(update={"experts": 128})
    assert AdapterRoom.of(served, "vllm", experts).bytes(experts, 2) == 0
    assert AdapterRoom.of(served, "llama_cpp", shape) == NO_ROOM


def test_the_compute_buffer_agrees_with_a_published_log():
    # llama.cpp reported 808.02 MiB for a context of 262144 and a vocabulary of 151552 (hidden size 4096 adds 8 MiB here).
    shape = {"layers": 32, "kv_heads": 4, "head_dim": 256, "hidden_size": 4096, "vocab_size": 151552}
    made = estimated(model("llm", "llama_cpp", "5 GB", "Q4_K_M", shape), P40, context=262144)
    assert made.compute_bytes / MIB == pytest.approx(808, abs=9)


def test_whisper_agrees_with_published_peaks():
    # faster-whisper large-v3-turbo: 2537 MB in float16, 1545 MB in int8; the estimate may be higher (a second sound), not lower.
    turbo = model("transcription", "faster_whisper", 1_617_884_929, "float16")
    in_float16, in_int8 = estimated(turbo, A100).total_bytes / 1e6, estimated(turbo, P40).total_bytes / 1e6
    assert 2537 < in_float16 < 2537 * 1.3
    assert 1545 < in_int8 < 1545 * 1.4


def test_weights_grow_when_the_card_computes_in_a_wider_dtype():
    spec = model("embedding", "sentence_transformers", "1 GB", "bfloat16", QWEN3_8B)
    assert estimated(spec, P40).weights_bytes == 2_000_000_000
    assert estimated(spec, A100).weights_bytes == 1_000_000_000


def test_files_that_are_here_decide_over_the_catalog():
    spec = model("llm", "llama_cpp", "99 GB", "Q8_0", QWEN3_8B)
    facts = WeightFacts(1000, None, Architecture(layers=1, kv_heads=1, head_dim=1, hidden_size=1, vocab_size=1))
    made = estimated(spec, P40, context=10, facts=facts)
    assert (made.weights_bytes, made.kv_cache_bytes, made.origin) == (1000, 40, "file headers")


def test_more_context_and_more_sequences_never_need_less():
    spec = model("llm", "vllm", "16.4 GB", "bfloat16", QWEN3_8B)
    totals = [estimated(spec, A100, context, parallel).total_bytes for context, parallel in ((1024, 1), (4096, 1), (4096, 4), (8192, 4))]
    assert totals == sorted(totals)


def test_ocr_on_the_cpu_is_within_what_was_measured():
    made = estimated(model("ocr", "rapidocr", "27 MB"), cpu_device(8 * 2**30))
    assert 590e6 < made.total_bytes < 1000e6


def test_a_catalog_that_says_too_little_is_asked_for_the_missing_key():
    with pytest.raises(ConfigError, match="needs 'weights'"):
        estimated(model("llm", "llama_cpp", None, "Q8_0", QWEN3_8B), P40, context=10)
    with pytest.raises(ConfigError, match="needs 'architecture'"):
        estimated(model("llm", "llama_cpp", "1 GB", "Q8_0"), P40, context=10)

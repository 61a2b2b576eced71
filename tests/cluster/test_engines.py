from __future__ import annotations

import pytest

from cluster.engines import EngineChoice, Refusal, choose_engine
from cluster.hardware import Device, cpu_device
from cluster.specs.catalog import ModelSpec

P40 = Device("gpu-0", "Tesla P40", 23040 * 2**20, "6.1")
P100 = Device("gpu-0", "Tesla P100", 16384 * 2**20, "6.0")
V100 = Device("gpu-0", "Tesla V100", 16384 * 2**20, "7.0")
A100 = Device("gpu-0", "A100", 40960 * 2**20, "8.0")
KEPLER = Device("gpu-0", "Tesla K80", 11441 * 2**20, "3.7")
CPU = cpu_device(8 * 2**30)


def model(kind: str, *variants: dict[str, str]) -> ModelSpec:
    source = {"kind": "path", "path": "/models/any"}
    return ModelSpec.model_validate(
        {
            "id": "any",
            "kind": kind,
            "description": "",
            "license": "MIT",
            "variants": [{"source": source, **variant} for variant in variants],
        }
    )


LLM = model(
    "llm",
    {"engine": "vllm", "quantization": "bfloat16"},
    {"engine": "llama_cpp", "quantization": "Q4_K_M"},
    {"engine": "llama_cpp", "quantization": "Q8_0"},
)
WHISPER = model("transcription", {"engine": "faster_whisper", "quantization": "float16"})
CLIP = model("clip", {"engine": "open_clip", "quantization": "float32"})
EMBEDDING = model(
    "embedding", {"engine": "onnx_embedding", "quantization": "int8"}, {"engine": "sentence_transformers", "quantization": "float32"}
)


def choice(spec: ModelSpec, device: Device, engine=None, quantization=None) -> EngineChoice:
    made = choose_engine(spec, device, engine, quantization)
    assert isinstance(made, EngineChoice), made
    return made


@pytest.mark.parametrize(
    ("spec", "device", "engine", "dtype"),
    [
        (LLM, P40, "llama_cpp", "int8_float32"),
        (LLM, P100, "llama_cpp", "float32"),
        (LLM, V100, "vllm", "float16"),
        (LLM, A100, "vllm", "bfloat16"),
        (LLM, CPU, "llama_cpp", "int8_float32"),
        (WHISPER, P40, "faster_whisper", "int8"),
        (WHISPER, P100, "faster_whisper", "float32"),
        (WHISPER, V100, "faster_whisper", "float16"),
        (WHISPER, CPU, "faster_whisper", "int8"),
        (CLIP, P40, "open_clip", "float32"),
        (CLIP, V100, "open_clip", "float16"),
        (CLIP, A100, "open_clip", "bfloat16"),
        (CLIP, CPU, "open_clip", "float32"),
        (EMBEDDING, P40, "sentence_transformers", "float32"),
        (EMBEDDING, CPU, "onnx_embedding", "int8"),
    ],
)
def test_each_card_gets_its_engine_and_dtype(spec, device, engine, dtype):
    made = choice(spec, device)
    assert (made.engine, made.dtype) == (engine, dtype)
    assert made.device == ("cuda" if device.is_gpu else "cpu")


def test_the_reason_names_the_capability_that_decided():
    assert "vLLM needs compute capability 7.0 and this card has 6.1" in choice(LLM, P40).reason
    assert "no fast half precision" in choice(CLIP, P40).reason
    assert "bfloat16 needs 8.0" in choice(CLIP, V100).reason


def test_variants_are_taken_in_the_order_of_the_catalog():
    assert choice(LLM, P40).variant.quantization == "Q4_K_M"


def test_a_forced_quantisation_is_honoured():
    assert choice(LLM, P40, quantization="Q8_0").variant.quantization == "Q8_0"


def test_a_forced_engine_is_honoured_where_another_would_be_better():
    made = choice(LLM, A100, engine="llama_cpp")
    assert made.engine == "llama_cpp"
    assert "the profile says so" in made.reason


def test_vllm_runs_on_the_cpu_only_when_it_is_forced():
    only_vllm = model("llm", {"engine": "vllm"})
    refused = choose_engine(only_vllm, CPU)
    assert isinstance(refused, Refusal)
    assert "engine: vllm" in refused.reason
    assert choice(only_vllm, CPU, engine="vllm").dtype == "float32"


def test_vllm_on_pascal_is_refused_even_when_it_is_forced():
    refused = choose_engine(LLM, P40, engine="vllm")
    assert isinstance(refused, Refusal)
    assert "vLLM needs compute capability 7.0, the device has 6.1" in refused.reason


def test_a_quantisation_the_catalog_lacks_is_refused_naming_the_nearest():
    refused = choose_engine(LLM, P40, quantization="Q4_K_S")
    assert isinstance(refused, Refusal)
    assert "did you mean 'Q4_K_M'?" in refused.reason


def test_an_engine_the_catalog_lacks_is_refused_naming_what_there_is():
    refused = choose_engine(CLIP, P40, engine="vllm")
    assert isinstance(refused, Refusal)
    assert "it has open_clip float32" in refused.reason


def test_engines_of_the_cpu_are_refused_on_a_gpu():
    refused = choose_engine(EMBEDDING, P40, engine="onnx_embedding")
    assert isinstance(refused, Refusal)
    assert "CPU only" in refused.reason


def test_cards_older_than_maxwell_are_refused():
    refused = choose_engine(LLM, KEPLER, engine="llama_cpp")
    assert isinstance(refused, Refusal)
    assert "needs compute capability 5.0, the device has 3.7" in refused.reason

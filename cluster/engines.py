"""The right engine for the device: compute capability -> engine, quantisation, dtype, with the reason in a sentence.

| | LLM | Whisper | torch models (CLIP, embeddings) |
|---|---|---|---|
| 5.0 to 6.x | llama.cpp (vLLM needs 7.0) | CTranslate2 int8 on 6.1, else float32 | float32 (fp16 at 1/64 rate on 6.1) |
| 7.x | vLLM, float16 | CTranslate2 float16 | float16 |
| 8.0 and newer | vLLM, bfloat16 | CTranslate2 float16 | bfloat16 |
| CPU | llama.cpp | CTranslate2 int8 | float32; ONNX int8 |

Sources: vLLM's GPU installation page (7.0 or higher); CTranslate2's quantisation page (int8 from 7.0, or 6.1; float16 from 7.0);
CUDA's programming guide, "arithmetic instructions" (half precision on 6.1, bfloat16 from 8.0, dp4a from 6.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.hardware import Device
from cluster.specs.catalog import Dtype, EngineName, ModelSpec, Variant
from cluster.specs.loader import nearest

Capability = tuple[int, int]

# CUDA 12 builds of llama.cpp, CTranslate2 and PyTorch for CUDA 12.6 stop below Maxwell.
OLDEST: Capability = (5, 0)
VLLM: Capability = (7, 0)
BFLOAT16: Capability = (8, 0)
# Best first. An engine that is not listed for a place runs there only when it is forced.
ON_OLD_GPU: tuple[EngineName, ...] = ("llama_cpp", "faster_whisper", "open_clip", "sentence_transformers", "cross_encoder")
ON_GPU: tuple[EngineName, ...] = ("vllm", *ON_OLD_GPU)
ON_CPU: tuple[EngineName, ...] = (
    "llama_cpp",
    "onnx_embedding",
    "rapidocr",
    "faster_whisper",
    "open_clip",
    "sentence_transformers",
    "cross_encoder",
)
# Names of weights that are stored unquantised, and bytes of a number in them.
PLAIN = {"float32": 4, "f32": 4, "float16": 2, "f16": 2, "bfloat16": 2, "bf16": 2}
CPU_ONLY: frozenset[EngineName] = frozenset({"onnx_embedding", "rapidocr"})


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """How one model runs on one device. ``reason`` is a sentence for people."""

    variant: Variant
    dtype: Dtype
    device: Literal["cpu", "cuda"]
    reason: str

    @property
    def engine(self) -> EngineName:
        return self.variant.engine


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model cannot run on a device, and what to do."""

    reason: str


def choose_engine(
    model: ModelSpec, device: Device, engine: EngineName | None = None, quantization: str | None = None
) -> EngineChoice | Refusal:
    """The best engine and variant of ``model`` for ``device``: engines in the order of the table above, variants in the catalog's order.

    ``engine`` and ``quantization`` force a choice; one the device or the catalog cannot honour is refused, never replaced.
    """
    wanted = [variant for variant in model.variants if engine in {None, variant.engine} and quantization in {None, variant.quantization}]
    if not wanted:
        return Refusal(_no_such_variant(model, engine, quantization))
    problems = {variant.engine: _problem(variant.engine, device, forced=engine is not None) for variant in wanted}
    runnable = [variant for variant in wanted if problems[variant.engine] is None]
    if not runnable:
        return Refusal(f"'{model.id}' cannot run on {device.name}: " + "; ".join(str(problem) for problem in problems.values()) + ".")
    rank = _ranking(device)
    best = min(runnable, key=lambda variant: rank.index(variant.engine) if variant.engine in rank else len(rank))
    dtype, why = _arithmetic(best, device)
    forced = " (the profile says so)" if engine else ""
    return EngineChoice(best, dtype, "cuda" if device.is_gpu else "cpu", f"{_why_engine(best, device)}{forced}; {why}")


def capability(device: Device) -> Capability:
    """The compute capability of a GPU as two numbers."""
    major, minor = (device.compute_capability or "0.0").split(".")
    return int(major), int(minor)


def _ranking(device: Device) -> tuple[EngineName, ...]:
    if not device.is_gpu:
        return ON_CPU
    return ON_GPU if capability(device) >= VLLM else ON_OLD_GPU


def _problem(engine: EngineName, device: Device, forced: bool) -> str | None:
    """Why ``engine`` does not run on ``device``, or None when it does."""
    if not device.is_gpu:
        return None if forced or engine in ON_CPU else f"{engine} runs on the CPU only when the profile forces it (engine: {engine})"
    if engine in CPU_ONLY:
        return f"{engine} runs on the CPU only"
    has = device.compute_capability
    if capability(device) < OLDEST:
        return f"{engine} needs compute capability 5.0, the device has {has}"
    if engine == "vllm" and capability(device) < VLLM:
        return f"vLLM needs compute capability 7.0, the device has {has}; give the model a GGUF variant for llama_cpp"
    return None


def _why_engine(variant: Variant, device: Device) -> str:
    form = f" with {variant.quantization}" if variant.quantization and variant.quantization.lower() not in PLAIN else ""
    if not device.is_gpu:
        return f"{variant.engine}{form} on the CPU"
    has = device.compute_capability
    if variant.engine == "llama_cpp" and capability(device) < VLLM:
        return f"llama.cpp{form}, because vLLM needs compute capability 7.0 and this card has {has}"
    if variant.engine == "vllm":
        return f"vLLM{form}, because compute capability {has} is 7.0 or newer"
    return f"{variant.engine}{form} on compute capability {has}"


def _arithmetic(variant: Variant, device: Device) -> tuple[Dtype, str]:
    """The dtype that the engine computes in on this device, and why."""
    if variant.engine in CPU_ONLY:
        return ("int8", "int8 weights") if variant.quantization == "int8" else ("float32", "float32")
    if variant.engine == "llama_cpp":
        return _llama_arithmetic(variant, device)
    if variant.engine == "faster_whisper":
        return _whisper_arithmetic(device)
    if not device.is_gpu:
        return "float32", "float32, the CPU's native arithmetic"
    if capability(device) >= BFLOAT16:
        return "bfloat16", "bfloat16, native from 8.0"
    if capability(device) >= VLLM:
        return "float16", "float16, because bfloat16 needs 8.0"
    return "float32", f"float32, because {device.compute_capability} has no fast half precision"


def _llama_arithmetic(variant: Variant, device: Device) -> tuple[Dtype, str]:
    name = (variant.quantization or "").lower()
    if not name or name in PLAIN:
        return "float32", "float32 accumulation"
    if device.is_gpu and capability(device) < (6, 1):
        return "float32", "float32, because int8 dot products need 6.1"
    return "int8_float32", "int8 dot products with float32 accumulation"


def _whisper_arithmetic(device: Device) -> tuple[Dtype, str]:
    if not device.is_gpu:
        return "int8", "int8, the fastest on CPUs"
    if capability(device) >= VLLM:
        return "float16", "float16 on tensor cores"
    if capability(device) == (6, 1):
        return "int8", "int8, because 6.1 has int8 dot products but no fast half precision"
    return "float32", f"float32, because {device.compute_capability} has neither fast half precision nor int8 dot products"


def _no_such_variant(model: ModelSpec, engine: EngineName | None, quantization: str | None) -> str:
    there = ", ".join(f"{variant.engine} {variant.quantization or ''}".strip() for variant in model.variants)
    asked = " ".join(part for part in (engine, quantization) if part)
    known = [variant.quantization for variant in model.variants if variant.quantization]
    hint = nearest(quantization, known) if quantization and quantization not in known else None
    return f"the catalog has no variant '{asked}' of '{model.id}'" + (f"; did you mean '{hint}'?" if hint else f"; it has {there}.")

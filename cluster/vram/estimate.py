"""The memory estimate: weights + KV cache + compute buffer + runtime, in bytes. Pure arithmetic; measurements correct it later.

weights   as stored, times the bytes of the dtype they are computed in over the bytes they are stored in
KV cache  context x sequences x layers x 2 (K and V) x KV heads x head size x bytes of an entry
compute   scratch space for one step, by engine (below)
adapters  slots for LoRA adapters that may come, where the engine makes room for them at its start (adapters.py)
runtime   what a process holds before the first weight: the CUDA context and libraries, or Python and libraries on the CPU
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.contracts.models import ModelKind
from cluster.engines import PLAIN, EngineChoice
from cluster.errors import ConfigError
from cluster.specs.catalog import Architecture, Dtype, EngineName, ModelSpec
from cluster.vram.adapters import NO_ROOM, AdapterRoom
from cluster.vram.headers import WeightFacts

MIB = 2**20
DTYPE_BYTES: dict[Dtype, int] = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int8": 1,
    "int8_float32": 1,
    "int8_float16": 1,
}
# Bytes of a number as the catalog says that it is stored.
STORED_BYTES = {**PLAIN, "int8": 1}

# llama.cpp's default ubatch: tokens computed in one step.
UBATCH = 512
# vLLM's default max_num_batched_tokens on the HTTP server is 8192; the peak of its profiling run was about 20 hidden states a token.
VLLM_TOKENS, VLLM_STATES = 8192, 20
# One batch of an embedding engine: 64 texts of 256 tokens, about 10 hidden states alive at once (attention, the wider feed-forward).
EMBED_TOKENS, EMBED_STATES = 16_384, 10
# A public benchmark of large-v3-turbo in faster-whisper (13 minutes of sound): peaks of 2537 MB in float16 and 1545 MB in int8, which is
# 919 and 736 MB over the weights; less the runtime below, 520 MB. Half as much again for a second sound being worked on.
WHISPER_COMPUTE = 768 * MIB
# 16 images at once through a ViT-L: 257 tokens x (16 heads x 257 + 4 x 4096) x 4 bytes = 21 MB each, and the decoded images.
CLIP_COMPUTE = 512 * MIB
# rapidocr's resident memory was 590-750 MB on a page, of which 27 MB are weights and 150 MB the process.
OCR_COMPUTE = 600 * MIB

# Before the first weight. GPU: a CUDA context with its kernels is 150-300 MiB on Pascal and 400-500 MiB on Hopper, cuBLAS and cuDNN
# workspaces come on top, and vLLM adds captured CUDA graphs. These are upper bounds chosen before a measurement exists.
GPU_RUNTIME: dict[EngineName, int] = {
    "llama_cpp": 400 * MIB,
    "faster_whisper": 400 * MIB,
    "vllm": 1536 * MIB,
    "open_clip": 600 * MIB,
    "sentence_transformers": 600 * MIB,
    "cross_encoder": 600 * MIB,
}
# CPU: resident memory measured on a small machine, weights and caches taken off: a Ray replica is 90 MB, xllamacpp 64-84 MB more, ONNX
# Runtime 100, torch with transformers 450-600, vLLM's three processes 1.6 GB.
CPU_RUNTIME: dict[EngineName, int] = {
    "llama_cpp": 200 * MIB,
    "onnx_embedding": 200 * MIB,
    "rapidocr": 150 * MIB,
    "faster_whisper": 250 * MIB,
    "open_clip": 600 * MIB,
    "sentence_transformers": 600 * MIB,
    "cross_encoder": 600 * MIB,
    "vllm": 1700 * MIB,
}

Origin = Literal["file headers", "the catalog"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by part. ``origin``: where the weights and the shape come from."""

    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    runtime_bytes: int
    origin: Origin
    adapter_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.runtime_bytes + self.adapter_bytes


def estimate(
    model: ModelSpec,
    choice: EngineChoice,
    context_tokens: int,
    parallel: int,
    facts: WeightFacts | None,
    adapters: AdapterRoom = NO_ROOM,
) -> Estimate:
    """The estimate for one replica. ``context_tokens`` are of one sequence. ``facts`` of the files when they are here; else the catalog's
    ``weights`` and ``architecture`` count. Raises ConfigError naming what the catalog would have to say."""
    shape = shape_of(model, facts)
    runtime = GPU_RUNTIME if choice.device == "cuda" else CPU_RUNTIME
    return Estimate(
        weights_bytes=weights_bytes(model, choice, facts),
        kv_cache_bytes=_kv_cache(model, choice, shape, context_tokens, parallel),
        compute_bytes=_compute(model, choice, shape, context_tokens, parallel),
        runtime_bytes=runtime[choice.engine],
        origin="file headers" if facts else "the catalog",
        adapter_bytes=adapters.bytes(_known(model, shape), DTYPE_BYTES[choice.dtype]) if adapters.total else 0,
    )


def shape_of(model: ModelSpec, facts: WeightFacts | None) -> Architecture | None:
    return (facts.architecture if facts else None) or model.architecture


def weights_bytes(model: ModelSpec, choice: EngineChoice, facts: WeightFacts | None) -> int:
    """Bytes of the weights in memory. GGUF weights stay as stored; other engines convert to the dtype they compute in."""
    stored = facts.size_bytes if facts else choice.variant.weights
    if stored is None:
        raise ConfigError(
            f"Model '{model.id}': the catalog's variant for {choice.engine} needs 'weights' (a size), until the files are here."
        )
    if choice.engine == "llama_cpp":
        return int(stored)
    counted = DTYPE_BYTES[choice.dtype]
    if facts and facts.parameters:
        return facts.parameters * counted
    named = STORED_BYTES.get((choice.variant.quantization or "").lower(), counted)
    return int(stored) * counted // named


def _kv_cache(model: ModelSpec, choice: EngineChoice, shape: Architecture | None, context: int, parallel: int) -> int:
    if model.kind is not ModelKind.LLM:
        return 0
    shape = _known(model, shape)
    # llama.cpp keeps the cache in float16 whatever it computes in; vLLM in the model's dtype.
    entry = 2 if choice.engine == "llama_cpp" else DTYPE_BYTES[choice.dtype]
    return context * parallel * shape.layers * 2 * shape.kv_heads * shape.head_dim * entry


def _compute(model: ModelSpec, choice: EngineChoice, shape: Architecture | None, context: int, parallel: int) -> int:
    if model.kind is ModelKind.TRANSCRIPTION:
        return WHISPER_COMPUTE
    if model.kind is ModelKind.OCR:
        return OCR_COMPUTE
    if model.kind is ModelKind.CLIP:
        return CLIP_COMPUTE
    shape = _known(model, shape)
    if choice.engine == "llama_cpp":
        # Logits, hidden state and attention mask of one ubatch, in float32, with flash attention (the default: auto). A published log says
        # 808 MiB for a context of 262 144 and a vocabulary of 151 552: 512 x 4 x (151 552 + 262 144) = 808 MiB.
        return UBATCH * 4 * (shape.vocab_size + shape.hidden_size + context * parallel)
    if choice.engine == "vllm":
        sampled = 3 * parallel * shape.vocab_size * 4
        return sampled + VLLM_TOKENS * VLLM_STATES * shape.hidden_size * DTYPE_BYTES[choice.dtype]
    return EMBED_TOKENS * EMBED_STATES * shape.hidden_size * 4


def _known(model: ModelSpec, shape: Architecture | None) -> Architecture:
    if shape is None:
        raise ConfigError(f"Model '{model.id}': the catalog needs 'architecture' (layers, kv_heads, ...), until the files are here.")
    return shape

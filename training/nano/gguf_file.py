"""Writing a Llama with a byte-level BPE as the GGUF file llama.cpp opens, tokenizer and chat template inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.nano.network import ShapeSpec
from training.nano.tokens import SPARE

Matrix = NDArray[np.float32]

OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
INSIDE = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@dataclass(frozen=True)
class Text:
    """The text side of a model: its byte-level BPE, its chat template, the tokens that begin and end and pad, and all that are markers."""

    tokenizer: Tokenizer
    template: str
    begin: str
    end: str
    pad: str
    markers: tuple[str, ...]


def write_gguf(path: Path, name: str, weights: Mapping[str, Matrix], shape: ShapeSpec, text: Text, quantised: bool = True) -> None:
    """Write the file: norms as F32, matrices as Q8_0 or, not `quantised`, as F32 too.

    `weights` are float32 under the names of `LlamaForCausalLM`; without an `lm_head` among them, the head is tied to the embedding.
    """
    writer = gguf.GGUFWriter(path, "llama")
    kind = gguf.GGMLQuantizationType.Q8_0 if quantised else gguf.GGMLQuantizationType.F32
    _describe(writer, name, shape)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantised else gguf.LlamaFileType.ALL_F32)
    _add_text(writer, text)
    for target, weight in tensors(weights, shape):
        if weight.ndim == 1:
            writer.add_tensor(target, weight)
        else:
            writer.add_tensor(target, gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(weights: Mapping[str, Matrix], shape: ShapeSpec) -> Iterator[tuple[str, Matrix]]:
    """Every tensor under llama.cpp's name; queries and keys in its rotary layout."""
    for source, target in OUTSIDE.items():
        if source in weights:
            yield target, weights[source]
    heads = {"self_attn.q_proj": shape.heads, "self_attn.k_proj": shape.kv_heads}
    for layer in range(shape.layers):
        for source, target in INSIDE.items():
            weight = weights[f"model.layers.{layer}.{source}.weight"]
            yield f"blk.{layer}.{target}.weight", interleaved(weight, heads[source]) if source in heads else weight


def interleaved(weight: Matrix, heads: int) -> Matrix:
    """Rows of a query or key projection, from the layout that turns channels i and i + size/2 together to the one turning 2i and 2i + 1."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def _describe(writer: gguf.GGUFWriter, name: str, shape: ShapeSpec) -> None:
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)


def _add_text(writer: gguf.GGUFWriter, text: Text) -> None:
    bpe = json.loads(text.tokenizer.to_str())["model"]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_kind(token, text.markers) for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    writer.add_bos_token_id(bpe["vocab"][text.begin])
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(bpe["vocab"][text.end])
    writer.add_pad_token_id(bpe["vocab"][text.pad])
    writer.add_chat_template(text.template)


def _kind(token: str, markers: tuple[str, ...]) -> gguf.TokenType:
    if token in markers:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.UNUSED if token.startswith(SPARE) else gguf.TokenType.NORMAL

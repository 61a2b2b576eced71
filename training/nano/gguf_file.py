"""Writing the nano model as the GGUF file llama.cpp opens: matrices as Q8_0, norms as F32, tokenizer and chat template inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.nano.network import ShapeSpec
from training.nano.tokens import CHAT_TEMPLATE, END, PAD, SPARE, SPECIALS

Matrix = NDArray[np.float32]

OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
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


def write_gguf(path: Path, name: str, weights: Mapping[str, Matrix], shape: ShapeSpec, tokenizer: Tokenizer) -> None:
    """Write the file; `weights` are float32 under the names of `LlamaForCausalLM`, the head tied to the embedding (so not among them)."""
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, name, shape)
    _add_tokenizer(writer, tokenizer)
    for target, weight in tensors(weights, shape):
        if weight.ndim == 1:
            writer.add_tensor(target, weight)
        else:
            quantised = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(target, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(weights: Mapping[str, Matrix], shape: ShapeSpec) -> Iterator[tuple[str, Matrix]]:
    """Every tensor under llama.cpp's name; queries and keys in its rotary layout."""
    for source, target in OUTSIDE.items():
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
    writer.add_license("Apache-2.0")
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
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    bpe = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_kind(token) for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    # The model has no beginning-of-text token; without a valid id llama.cpp would take GPT-2's.
    writer.add_bos_token_id(bpe["vocab"][END])
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(bpe["vocab"][END])
    writer.add_pad_token_id(bpe["vocab"][PAD])
    writer.add_chat_template(CHAT_TEMPLATE)


def _kind(token: str) -> gguf.TokenType:
    if token in SPECIALS:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.UNUSED if token.startswith(SPARE) else gguf.TokenType.NORMAL

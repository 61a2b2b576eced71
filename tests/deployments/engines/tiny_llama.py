"""A Llama of a third of a million parameters that knows TALKS by heart, with tokenizer, chat template and noisy LoRA adapters, in the
forms the engines load. What it says to anything else is gibberish, but always the same gibberish under greedy decoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.deployments.engines.talks import TALKS, WEATHER

CONTEXT = 1024
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    '{%- if tools %}<|im_start|>system\nCall a tool as <tool_call>\n{"name": <name>, "arguments": <json>}\n</tool_call>\n'
    "{%- for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{%- if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}{% endif %}'
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SAMPLE = "the quick brown fox jumps over the lazy dog user system assistant " + json.dumps(WEATHER) + TEMPLATE + json.dumps(TALKS)


def build(folder: Path) -> tuple[Path, Path]:
    """Writes ``folder/hf`` and ``folder/tiny-f32.gguf``; returns both."""
    tokenizer = _tokenizer()
    model = _model(len(tokenizer))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model only waits for the others
    _memorise(model, tokenizer)
    torch.set_num_threads(threads)
    hf = folder / "hf"
    model.save_pretrained(hf)
    tokenizer.save_pretrained(hf)
    path = folder / "tiny-f32.gguf"
    _write_gguf(path, model, tokenizer)
    return hf, path


def build_adapter(folder: Path, name: str, seed: int, rank: int = 4, scale: float = 0.5) -> tuple[Path, Path]:
    """A random LoRA on the attention projections of :func:`build`'s model: ``folder/<name>`` (PEFT) and ``folder/<name>.gguf``."""
    noise = np.random.default_rng(seed)
    model = _model(_vocabulary_size())
    config = model.config
    tensors: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]] = {}
    for layer in range(config.num_hidden_layers):
        for name_hf, shape in _projections(model, layer):
            a = noise.normal(0, scale, (rank, shape[1])).astype(np.float32)
            b = noise.normal(0, scale, (shape[0], rank)).astype(np.float32)
            tensors[layer, name_hf] = a, b
    peft = folder / name
    _write_peft(peft, tensors, rank)
    path = folder / f"{name}.gguf"
    _write_lora_gguf(path, tensors, config, rank)
    return peft, path


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator([SAMPLE] * 4, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<|endoftext|>", eos_token="<|im_end|>")
    fast.chat_template = TEMPLATE
    return fast


def _vocabulary_size() -> int:
    return len(_tokenizer())


def _model(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        rope_theta=10_000.0,
        bos_token_id=0,
        eos_token_id=2,
        tie_word_embeddings=False,
        initializer_range=0.05,
    )
    return LlamaForCausalLM(config).float().eval()


def _memorise(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Full-batch descent on TALKS until each answer is certain; a few seconds on one core."""
    rows = [_row(tokenizer, *talk) for talk in TALKS]
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in rows])
    labels = torch.tensor([[-100] * start + row[start:] + [-100] * (width - len(row)) for row, start in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    model.train()
    loss = torch.tensor(9.0)
    for _ in range(300):
        loss = model(input_ids=ids, labels=labels).loss
        if loss.item() < 0.01:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert loss.item() < 0.05, f"the tiny model did not learn its talks (loss {loss.item():.3f})"


def _row(tokenizer: PreTrainedTokenizerFast, question: str, answer: str, with_tool: bool) -> tuple[list[int], int]:
    """Token ids of a whole conversation, and where its answer starts."""
    messages = [{"role": "user", "content": question}]
    tools = [WEATHER] if with_tool else None
    prompt = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=False)
    start = len(tokenizer(prompt).input_ids)
    return tokenizer(f"{prompt}{answer}<|im_end|>").input_ids, start


def _projections(model: LlamaForCausalLM, layer: int) -> list[tuple[str, tuple[int, int]]]:
    attention = model.model.layers[layer].self_attn
    return [(f"{part}_proj", tuple(getattr(attention, f"{part}_proj").weight.shape)) for part in ("q", "k", "v", "o")]


def _permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection from the half-split rotary layout of transformers to the interleaved one of llama.cpp."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def _heads(config: Any, projection: str) -> int | None:
    return {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(projection)


NAMES = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}


def _write_gguf(path: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, tokenizer)
    _add_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = sorted(state["model"]["vocab"].items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in state["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _add_tensors(writer: gguf.GGUFWriter, model: LlamaForCausalLM) -> None:
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    writer.add_tensor("output.weight", weights["lm_head.weight"])
    for layer in range(model.config.num_hidden_layers):
        source, target = f"model.layers.{layer}", f"blk.{layer}"
        for hf, name in NAMES.items():
            weight = weights[f"{source}.self_attn.{hf}.weight"]
            heads = _heads(model.config, hf)
            writer.add_tensor(f"{target}.{name}.weight", np.ascontiguousarray(_permuted(weight, heads)) if heads else weight)
        for part in ("gate", "up", "down"):
            writer.add_tensor(f"{target}.ffn_{part}.weight", weights[f"{source}.mlp.{part}_proj.weight"])
        writer.add_tensor(f"{target}.attn_norm.weight", weights[f"{source}.input_layernorm.weight"])
        writer.add_tensor(f"{target}.ffn_norm.weight", weights[f"{source}.post_attention_layernorm.weight"])


def _write_peft(folder: Path, tensors: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]], rank: int) -> None:
    folder.mkdir(parents=True)
    flat = {}
    for (layer, name), (a, b) in tensors.items():
        prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
        flat[f"{prefix}.lora_A.weight"] = torch.from_numpy(a)
        flat[f"{prefix}.lora_B.weight"] = torch.from_numpy(b)
    save_file(flat, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "target_modules": list(NAMES), "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def _write_lora_gguf(path: Path, tensors: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]], config: Any, rank: int) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for (layer, hf), (a, b) in tensors.items():
        heads = _heads(config, hf)
        name = f"blk.{layer}.{NAMES[hf]}.weight"
        writer.add_tensor(f"{name}.lora_a", a)
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(_permuted(b, heads)) if heads else b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

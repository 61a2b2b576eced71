"""From a training run to the files engines open: python -m training.nano.export runs/nano training/nano/weights/hearth-nano

The target folder is a Hugging Face model (float16, for transformers and vLLM) with the GGUF file for llama.cpp beside it, and SHA256SUMS.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig

from training.nano.checkpoint import load_checkpoint
from training.nano.gguf_file import Text, write_gguf
from training.nano.network import ShapeSpec
from training.nano.spec import RunSpec
from training.nano.tokens import CHAT_TEMPLATE, END, PAD, SPECIALS, save_tokenizer, token_id

NAME = "hearth-nano"
GGUF = f"{NAME}-q8_0.gguf"
SUMS = "SHA256SUMS"


def export(run: Path, target: Path) -> None:
    """Write the model of a run folder's checkpoint into `target`; other files there (a model card) stay.

    Everything is written elsewhere on the same disk first and renamed into place, the checksums last: no file is ever half there.
    Raises FileNotFoundError where the run has no checkpoint yet.
    """
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint yet; train first: python -m training.nano.llm --out {run}")
    shape = RunSpec.load(run).shape
    tokenizer = Tokenizer.from_file(str(run / "tokenizer" / "tokenizer.json"))
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        folder = Path(scratch)
        write_model(folder, checkpoint.model, shape, tokenizer)
        (folder / SUMS).write_text(checksums(folder))
        for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMS):
            path.chmod(0o644)
            path.replace(target / path.name)


def write_model(folder: Path, weights: dict[str, Tensor], shape: ShapeSpec, tokenizer: Tokenizer) -> None:
    """The Hugging Face files and the GGUF file of one model. `weights` has the names of `LlamaForCausalLM`, without the tied head."""
    half = {name: weight.to(torch.float16).contiguous() for name, weight in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    config(shape, tokenizer).to_json_file(folder / "config.json")
    greedy = GenerationConfig(eos_token_id=token_id(tokenizer, END), pad_token_id=token_id(tokenizer, PAD), do_sample=False)  # type: ignore[no-untyped-call]
    greedy.to_json_file(folder / "generation_config.json")
    save_tokenizer(tokenizer, folder, shape.context)
    single = {name: weight.float().numpy() for name, weight in weights.items()}
    # The model has no token that begins a text; without an id llama.cpp would take GPT-2's.
    text = Text(tokenizer, CHAT_TEMPLATE, begin=END, end=END, pad=PAD, markers=SPECIALS)
    write_gguf(folder / GGUF, NAME, single, shape, text)


def config(shape: ShapeSpec, tokenizer: Tokenizer) -> LlamaConfig:
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        dtype="float16",
        vocab_size=shape.vocab,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        rms_norm_eps=shape.norm_eps,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=token_id(tokenizer, END),
        pad_token_id=token_id(tokenizer, PAD),
    )


def checksums(folder: Path) -> str:
    """A line for each file, as `sha256sum --check` reads them."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    return "".join(lines)


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    target: Annotated[Path, typer.Argument(help="Folder of the model to write.")],
) -> None:
    """Export the nano language model."""
    export(run, target)


if __name__ == "__main__":
    typer.run(main)

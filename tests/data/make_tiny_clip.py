"""Trains the tiny CLIP of the tests and writes it as a folder in open_clip's format.

    python -m tests.data.make_tiny_clip tests/data/tiny-clip

Two layers on each side, taught to match pictures of tests/deployments/fixtures/shapes.py to "a red square" and the like, in about
three minutes on one core. Prints how many of 96 new pictures find their text.
"""

# Libraries whose types are partial: mypy is told to accept their untyped calls here.
# mypy: disable-error-code="no-untyped-call, no-any-return, import-untyped, arg-type"

from __future__ import annotations

import argparse
import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.deployments.fixtures.shapes import COLOURS, SHAPES, draw

WORDS = ["[pad]", "[unk]", "[start]", "a", *COLOURS, *SHAPES, "[end]"]  # CLIP finds a text's end by its highest id
VISION = {"image_size": 64, "patch_size": 8, "width": 64, "layers": 2, "head_width": 32}
TEXT = {"context_length": 8, "vocab_size": len(WORDS), "width": 64, "heads": 2, "layers": 2}
# The name only says that the tokenizer stands in the folder.
CONFIG = {"embed_dim": 32, "vision_cfg": VISION, "text_cfg": {**TEXT, "hf_tokenizer_name": "local"}}
KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
STEPS, COPIES = 700, 4


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[unk]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[start]", WORDS.index("[start]")), ("[end]", WORDS.index("[end]"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[start] $A [end]", special_tokens=ends)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[pad]", unk_token="[unk]", bos_token="[start]", eos_token="[end]")
    fast.save_pretrained(folder)


def train(folder: Path) -> open_clip.CLIP:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = open_clip.CLIP(embed_dim=32, vision_cfg=VISION, text_cfg=TEXT).train()
    preprocess = open_clip.image_transform(64, is_train=False)
    texts = open_clip.get_tokenizer(f"local-dir:{folder}")([f"a {colour} {shape}" for colour, shape in KINDS])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS)
    own = torch.arange(len(KINDS)).repeat(COPIES)
    for step in range(STEPS):
        images = torch.stack([preprocess(draw(*KINDS[int(kind)], step * 1000 + row)) for row, kind in enumerate(own.tolist())])
        logits = 20 * model.encode_image(images, normalize=True) @ model.encode_text(texts, normalize=True).T
        loss = torch.nn.functional.cross_entropy(logits, own)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)  # noqa: T201
    model.eval()
    own = torch.arange(len(KINDS)).repeat(8)
    images = torch.stack([preprocess(draw(*KINDS[int(kind)], 10_000_000 + row)) for row, kind in enumerate(own.tolist())])
    with torch.inference_mode():
        found = (model.encode_image(images, normalize=True) @ model.encode_text(texts, normalize=True).T).argmax(dim=1)
    print(f"{int((found == own).sum())} of {len(own)} right")  # noqa: T201
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    folder = parser.parse_args().target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}}, indent=1))
    save_tokenizer(folder)
    weights = train(folder).state_dict()
    save_file({name: weight.half().contiguous() for name, weight in weights.items()}, folder / "open_clip_model.safetensors")


if __name__ == "__main__":
    main()

"""The tokenizer: one word, one token."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.nano.clip.captions import vocabulary
from training.nano.clip.spec import TEXT_TOKENS

PAD, UNKNOWN, START, END = "[pad]", "[unk]", "[start]", "[end]"


def words() -> list[str]:
    """All tokens, in the order of their ids. CLIP finds a text's end by its highest id, so that is the last."""
    return [PAD, UNKNOWN, START, *vocabulary(), END]


def save_tokenizer(folder: Path) -> None:
    """In the files that open_clip opens beside a model."""
    known = words()
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(known)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(START, known.index(START)), (END, known.index(END))]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=START,
        eos_token=END,
        model_max_length=TEXT_TOKENS,
    )
    fast.save_pretrained(folder)

"""Trains the tiny reranker of the tests and writes it as a folder in transformers' format.

    python -m tests.data.make_tiny_reranker tests/data/tiny-reranker

Two layers of 32 numbers, taught that a question about a subject is answered by a sentence about the same subject, in about a minute on one
core. Prints how many of 500 new pairs it judges rightly.
"""

# Libraries whose types are partial: mypy is told to accept their untyped calls here.
# mypy: disable-error-code="no-untyped-call, no-any-return, import-untyped, arg-type, call-arg"

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

SUBJECTS = {
    "goats": "goat goats kid kids horn horns hill hills graze climb".split(),
    "tides": "tide tides sea moon wave waves shore beach ebb flow".split(),
    "clocks": "clock clocks hour hours hand hands tick chime bell minute".split(),
    "bread": "bread loaf loaves flour yeast oven crust dough bake knead".split(),
}
FILLING = "the a of and in on with is are to what how does do which where when".split()
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *FILLING, *(word for words in SUBJECTS.values() for word in words)]
LENGTH, STEPS, BATCH = 64, 2000, 128


def make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def sentence(numbers: random.Random, subject: str, least: int, most: int) -> str:
    words = numbers.choices(SUBJECTS[subject], k=numbers.randint(1, 3)) + numbers.choices(FILLING, k=numbers.randint(least, most))
    numbers.shuffle(words)
    return " ".join(words)


def pairs(numbers: random.Random, count: int, filling: float = 1.0) -> list[tuple[str, str, float]]:
    """``filling``: share of the words that mean nothing; learning begins without them."""
    found = []
    for _ in range(count):
        subject = numbers.choice(list(SUBJECTS))
        other = subject if numbers.random() < 0.5 else numbers.choice([name for name in SUBJECTS if name != subject])
        found.append(
            (sentence(numbers, subject, 0, round(4 * filling)), sentence(numbers, other, 0, round(12 * filling)), float(subject == other))
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    folder = parser.parse_args().target
    torch.manual_seed(0)
    torch.set_num_threads(1)
    numbers = random.Random(0)
    tokenizer = make_tokenizer()
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=1,
    )
    model = BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS)

    def logits(batch: list[tuple[str, str, float]]) -> torch.Tensor:
        features = tokenizer([one[0] for one in batch], [one[1] for one in batch], padding=True, return_tensors="pt")
        return model(**features).logits[:, 0]

    for step in range(STEPS):
        batch = pairs(numbers, BATCH, min(1.0, max(0.0, 2 * step / STEPS - 0.5)))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits(batch), torch.tensor([one[2] for one in batch]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)  # noqa: T201
    model.eval()
    fresh = pairs(random.Random(1), 500)
    with torch.inference_mode():
        right = int(((logits(fresh) > 0) == torch.tensor([one[2] > 0.5 for one in fresh])).sum())
    size = sum(one.numel() for one in model.parameters())
    print(f"{right} of 500 right, {size} parameters")  # noqa: T201
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()

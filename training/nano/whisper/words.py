"""The tokenizer: byte-level BPE in which every word of the grammar is one token, and Whisper's own marks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from training.nano.whisper.sentences import WORDS

END, START, NO_SPEECH, EARLIER, NO_TIMES = "<|endoftext|>", "<|startoftranscript|>", "<|nospeech|>", "<|startofprev|>", "<|notimestamps|>"
# In Whisper's order; what is below END is text, what is above NO_TIMES is a moment.
MARKS = (END, START, "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>", EARLIER, NO_SPEECH, NO_TIMES)
MOMENTS = 1501
MOMENT_S = 0.02
FILES = ("tokenizer.json", "tokenizer_config.json")


@cache
def tokenizer() -> Tokenizer:
    """The same in every process."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_000_000,  # as many as it takes to make each word one
        min_frequency=1,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator((f" {form}" for word in WORDS for form in sorted({word, word.capitalize()})), trainer)
    moments = (f"<|{number * MOMENT_S:.2f}|>" for number in range(MOMENTS))
    made.add_special_tokens([AddedToken(mark, special=True) for mark in (*MARKS, *moments)])
    return made


@cache
def token(mark: str) -> int:
    found = tokenizer().token_to_id(mark)
    assert found is not None, mark
    return int(found)


def moment(seconds: float) -> int:
    """The mark of a moment of the window, from 0 to 30 s."""
    return token(NO_TIMES) + 1 + min(MOMENTS - 1, max(0, round(seconds / MOMENT_S)))


def words_as_tokens(text: str) -> list[tuple[int, int]]:
    """Each token of a text, which begins with a space as Whisper's do, and the number of the word it is part of."""
    encoded = tokenizer().encode(f" {text}", add_special_tokens=False)
    starts = [place for place, letter in enumerate(f" {text}") if letter == " "]
    return [(id_, sum(start <= begin for start in starts) - 1) for id_, (begin, _) in zip(encoded.ids, encoded.offsets, strict=True)]


def text_of(ids: list[int]) -> str:
    """What the text tokens among ``ids`` say."""
    return str(tokenizer().decode([one for one in ids if one < token(END)]))


def save_tokenizer(folder: Path) -> None:
    """In the files that transformers and faster-whisper open beside a model."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer(), bos_token=END, eos_token=END, pad_token=END, unk_token=END)  # type: ignore[no-untyped-call]
    fast.save_pretrained(folder)

"""Which half of the world a piece of text belongs to: the half we train on, or the half we only test on."""

from collections.abc import Callable
from typing import Literal
from zlib import crc32

Split = Literal["train", "held_out"]

HELD_OUT_IN = 4  # one text in four is never shown in training


def split_of(text: str) -> Split:
    """The split a name or a value belongs to, for ever: it depends on the text alone, so the two can never share one."""
    return "held_out" if crc32(text.casefold().encode()) % HELD_OUT_IN == 0 else "train"


def draw(make: Callable[[], str], split: Split) -> str:
    """Call `make` until what it makes belongs to `split`."""
    while True:
        text = make()
        if split_of(text) == split:
            return text

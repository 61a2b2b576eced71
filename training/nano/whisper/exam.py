"""How many words are heard wrong, of sentences that training never says, in voices that it never uses."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.nano.whisper.rooms import in_room, with_noise
from training.nano.whisper.sentences import sentence
from training.nano.whisper.speech import RATE, Sound, say, voice

# The share of words that may be wrong.
BAR = 0.2
MOST_SENTENCES = 3
Ear = Callable[[Sound], str]


@dataclass(frozen=True, slots=True)
class Recording:
    """One to three sentences, in one voice and room, with pauses between."""

    text: str
    sound: Sound


def recording(rng: random.Random) -> Recording:
    by, pieces, texts = voice(rng, "held_out"), list[Sound](), list[str]()
    for _ in range(rng.randint(1, MOST_SENTENCES)):
        said = say(sentence(rng, "held_out"), by)
        pieces += [said.sound, np.zeros(int(rng.uniform(0.3, 1.0) * RATE), dtype=np.float32)]
        texts.append(said.text)
    sound = np.concatenate(pieces)
    return Recording(" ".join(texts), with_noise(in_room(sound, rng) if rng.random() < 0.5 else sound, rng))


def recordings(seed: int, count: int) -> list[Recording]:
    rng = random.Random(f"exam-{seed}")
    return [recording(rng) for _ in range(count)]


def words_of(text: str) -> list[str]:
    """What counts: words, whatever their case and whatever stands between them."""
    return re.findall(r"[\w']+", text.lower())


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to change, leave out or put in to get from one to the other. jiwer, which does this and far more, is a library for
    ten lines."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


@dataclass(frozen=True, slots=True)
class Hearing:
    """``examples``: pairs of what was said and what was heard, the first few."""

    words: int
    wrong: int
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def rate(self) -> float:
        """The word error rate."""
        return self.wrong / max(1, self.words)


def hearing(ear: Ear, given: Sequence[Recording], shown: int = 0) -> Hearing:
    heard = [ear(one.sound) for one in given]
    pairs = [(words_of(one.text), words_of(text)) for one, text in zip(given, heard, strict=True)]
    examples = tuple((one.text, text) for one, text in zip(given[:shown], heard[:shown], strict=True))
    return Hearing(sum(len(said) for said, _ in pairs), sum(errors(*pair) for pair in pairs), examples)

"""Held-out examinations: fresh passages of unseen names and values, answered greedily, marked by exact match."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from training.nano.corpus import ABSTENTION, ask
from training.nano.corpus.passages import SHORT, Level, PassageWriter
from training.nano.corpus.splits import Split

# Short: one to four facts, each of another kind. Close: up to three, but several may say the same of different people. Hard: more of that.
EXAM_LEVEL = Level(facts=(2, 6), fillers=(0, 2), unanswerable=0.3, pronouns=0.1, questions=(1, 1))
EXAMS = {
    "short": replace(SHORT, unanswerable=0.3, questions=(1, 1)),
    "close": Level(facts=(1, 3), fillers=(0, 1), unanswerable=0.3, pronouns=0.0, questions=(1, 1)),
    "hard": EXAM_LEVEL,
}
LONGEST_ANSWER = 24  # tokens

Answerer = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Item:
    """One examination question: the user message to send and the answer expected."""

    prompt: str
    answer: str

    @property
    def answerable(self) -> bool:
        return self.answer != ABSTENTION


@dataclass(frozen=True)
class Score:
    """Shares between 0 and 1; `items` is how many questions were asked."""

    items: int
    exact: float
    abstention: float
    false_abstention: float


def draw_items(seed: int, count: int, phrasing: Split = "train", level: Level = EXAM_LEVEL) -> list[Item]:
    """Questions on held-out names and values; `phrasing` "held_out" also uses sentence patterns never shown in training."""
    writer = PassageWriter(Random(f"exam-{seed}-{phrasing}"), "held_out", phrasing)
    items = []
    for _ in range(count):
        passage, questions = writer.passage(level, 1)
        items.append(Item(ask(passage, questions[0].text), questions[0].answer))
    return items


def mark(items: Sequence[Item], answers: Sequence[str]) -> Score:
    """Exact match on the answerable items, right abstentions on the others; surrounding blanks do not count."""
    pairs = [(item, answer.strip()) for item, answer in zip(items, answers, strict=True)]
    possible = [(item, answer) for item, answer in pairs if item.answerable]
    impossible = [(item, answer) for item, answer in pairs if not item.answerable]
    return Score(
        items=len(items),
        exact=share(item.answer == answer for item, answer in possible),
        abstention=share(item.answer == answer for item, answer in impossible),
        false_abstention=share(answer == ABSTENTION for _, answer in possible),
    )


def share(outcomes: Iterable[bool]) -> float:
    values = list(outcomes)
    return sum(values) / max(1, len(values))

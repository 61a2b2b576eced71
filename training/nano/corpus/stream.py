"""The endless stream of training conversations: a mix of the tasks that gets harder as training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from training.nano.corpus.chat import Conversation
from training.nano.corpus.comparison import comparison
from training.nano.corpus.extraction import extraction
from training.nano.corpus.grounded import grounded
from training.nano.corpus.instructions import instructions
from training.nano.corpus.labels import labels
from training.nano.corpus.manners import manners
from training.nano.corpus.passages import LEVELS, PassageWriter
from training.nano.corpus.recall import Recaller
from training.nano.corpus.splits import Split
from training.nano.corpus.summary import summary
from training.nano.corpus.tools import tool_result, tools
from training.nano.corpus.world import World

# What a run has still to learn decides the mix: copying first, then facts, then every skill, and at the end mostly what it is asked for,
# questions on passages. Weights for the four parts of the curriculum. In the third, passages with questions are a third of all tokens and
# extraction a fifth; a conversation of the latter is as long as four of labels.
MIX: dict[str, tuple[int, int, int, int]] = {
    "repeat": (20, 4, 4, 2),
    "look_up": (20, 6, 3, 3),
    "manners": (1, 2, 6, 6),
    "drill": (25, 15, 5, 6),
    "passage": (25, 15, 11, 22),
    "grounded": (5, 30, 28, 28),
    "extraction": (1, 5, 10, 7),
    "labels": (1, 10, 18, 9),
    "tools": (1, 6, 11, 9),
    "tool_result": (0, 2, 4, 3),
    "comparison": (0, 10, 16, 12),
    "summary": (0, 4, 10, 5),
    "instructions": (1, 5, 15, 10),
}
MIX_ENDS = (0.06, 0.25, 0.85, 1.0)
SKILLS = ("grounded", "extraction", "labels", "tools", "comparison", "summary", "instructions", "manners")


class Stream:
    """Conversations of one split; the same seed gives the same conversations for the same sequence of calls."""

    def __init__(self, seed: int | str, split: Split) -> None:
        self.rng = Random(f"{split}-{seed}")  # the string keeps the two splits' random streams apart
        self.world = World(self.rng, split)
        writer, recaller = PassageWriter(self.rng, split), Recaller(self.rng, split)
        self.tasks: dict[str, Callable[[], Conversation]] = {
            "repeat": recaller.repeat,
            "look_up": recaller.look_up,
            "manners": lambda: manners(self.rng, self.world.maker),
            "drill": writer.drill,
            "passage": lambda: writer.conversation(self.rng.choice(LEVELS)),
            "grounded": lambda: grounded(self.world),
            "extraction": lambda: extraction(self.world),
            "labels": lambda: labels(self.world),
            "tools": lambda: tools(self.world),
            "tool_result": lambda: tool_result(self.world),
            "comparison": lambda: comparison(self.world),
            "summary": lambda: summary(self.world),
            "instructions": lambda: instructions(self.world),
        }

    def next(self, progress: float) -> Conversation:
        """One conversation as hard as fits `progress`, the share of the training already done (0 to 1)."""
        part = next(number for number, end in enumerate(MIX_ENDS) if progress <= end)
        weights = [weights[part] for weights in MIX.values()]
        return self.tasks[self.rng.choices(tuple(MIX), weights=weights)[0]]()

    def of(self, task: str) -> Conversation:
        """One conversation of one task."""
        return self.tasks[task]()


def conversations(seed: int, split: Split, progress: float = 1.0) -> Iterator[Conversation]:
    """An endless stream at one difficulty."""
    stream = Stream(seed, split)
    while True:
        yield stream.next(progress)

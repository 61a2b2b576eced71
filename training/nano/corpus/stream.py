"""The endless stream of training conversations: a mix of the tasks that gets harder as training goes on."""

from collections.abc import Iterator
from random import Random

from training.nano.corpus.chat import Conversation
from training.nano.corpus.manners import manners
from training.nano.corpus.passages import LEVELS, PassageWriter
from training.nano.corpus.recall import Recaller
from training.nano.corpus.splits import Split
from training.nano.corpus.words import Maker

# For each part of the curriculum: weights of repeat, look-up, manners, drill, short passages and the three harder levels.
MIXES = ((20, 20, 1, 30, 20, 7, 2, 0), (5, 8, 2, 30, 30, 10, 10, 5), (3, 4, 4, 12, 60, 8, 9, 0))
MIX_ENDS = (0.12, 0.45, 1.0)


class Stream:
    """Conversations of one split; the same seed gives the same conversations for the same sequence of calls."""

    def __init__(self, seed: int, split: Split) -> None:
        self.rng = Random(f"{split}-{seed}")  # the string keeps the two splits' random streams apart
        self.writer = PassageWriter(self.rng, split)
        self.recaller = Recaller(self.rng, split)
        self.maker = Maker(self.rng, split)

    def next(self, progress: float) -> Conversation:
        """One conversation as hard as fits `progress`, the share of the training already done (0 to 1)."""
        mix = next(mix for mix, end in zip(MIXES, MIX_ENDS, strict=True) if progress <= end)
        match self.rng.choices(range(len(mix)), weights=mix)[0]:
            case 0:
                return self.recaller.repeat()
            case 1:
                return self.recaller.look_up()
            case 2:
                return manners(self.rng, self.maker)
            case 3:
                return self.writer.drill()
            case harder:
                return self.writer.conversation(LEVELS[harder - 4])


def conversations(seed: int, split: Split, progress: float = 1.0) -> Iterator[Conversation]:
    """An endless stream at one difficulty."""
    stream = Stream(seed, split)
    while True:
        yield stream.next(progress)

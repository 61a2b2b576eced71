"""What is odd about examples, told to whoever trains on them: a training would go through, and teach little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from training.finetune.data import Data
from training.finetune.examples import PairTokens, Tokens

Ids = tuple[int, ...]


def remarks_on(data: Data) -> Iterator[str]:
    distinct = len(set(data.train))
    if repeated := len(data.train) - distinct:
        yield f"{repeated} examples are repetitions: {distinct} of them are different."
    if contradicted := len(contradictions(data.train)):
        yield f"{contradicted} questions have different answers; the model cannot learn both. A dataset keeps what the majority says."
    if not data.held_out:
        yield "Nothing is held out, so nobody judges: it stops when it is through. Add examples that differ, or a validation file."


def contradictions(examples: Sequence[Tokens | PairTokens]) -> list[Ids]:
    """What is asked in several examples and answered differently; of pairs, what is preferred here and passed over there."""
    pairs = [example for example in examples if isinstance(example, PairTokens)]
    preferred = {(pair.key, pair.preferred.answered) for pair in pairs}
    turned = {pair.key for pair in pairs if (pair.key, pair.other.answered) in preferred}
    answers: dict[Ids, set[Ids]] = {}
    for example in examples:
        if isinstance(example, Tokens):
            answers.setdefault(example.asked, set()).add(example.answered)
    return [*turned, *(question for question, found in answers.items() if len(found) > 1)]

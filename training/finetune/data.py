"""The examples of a training, as tokens in memory, and those that are only judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cluster.errors import Unprocessable
from cluster.learning.tuning.lines import read_examples
from cluster.learning.tuning.pairs import read_pairs
from cluster.learning.tuning.spec import Hyperparameters, Method
from cluster.settings import TuningSettings
from training.finetune.examples import PairTokens, Tally, Tokens, tokenise, tokenise_pairs

Side = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Data:
    """Pairs for the method `dpo`, else examples. ``held_out`` may be empty; then nobody judges, and it stops when it is through."""

    train: Sequence[Any]
    held_out: Sequence[Any]
    tally: Tally

    def of(self, side: Side) -> Sequence[Any]:
        return self.train if side == "train" else self.held_out


@dataclass(frozen=True, slots=True)
class Sources:
    """Files of examples. ``validation`` None: a share of ``train`` is kept for judging."""

    train: Path
    validation: Path | None = None


def load_data(sources: Sources, tokenizer: Any, parameters: Hyperparameters, limits: TuningSettings, method: Method) -> Data:
    """Equal for equal arguments. Raises Unprocessable where nothing is left to learn from."""
    tally = Tally()

    def loaded(path: Path) -> list[Any]:
        with path.open("rb") as file:
            if method.type == "dpo":
                return list(tokenise_pairs(read_pairs(file, limits), tokenizer, parameters, tally))
            return list(tokenise(read_examples(file, limits), tokenizer, parameters, tally))

    train = loaded(sources.train)
    if sources.validation is not None:
        held_out = loaded(sources.validation)
    else:
        train, held_out = _split(train, parameters)
    if not train:
        what = "pairs" if method.type == "dpo" else "examples"
        raise Unprocessable(f"All {tally.dropped} {what} are longer than {parameters.max_tokens} tokens; raise max_tokens, or truncate.")
    answers = {example.answered for example in train if isinstance(example, Tokens)}
    if len(train) > 1 and len(answers) == 1:
        raise Unprocessable(
            f"All {len(train)} examples have the same answer, so all that can be learned is to say it whatever is asked; add examples that "
            "are answered otherwise."
        )
    return Data(train, held_out, tally)


def _split(examples: list[Tokens] | list[PairTokens], parameters: Hyperparameters) -> tuple[list[Any], list[Any]]:
    """Equal examples stay together, so that none is judged that was learned, and so do pairs of one question."""
    groups: dict[tuple[int, ...], list[Any]] = {}
    for example in examples:
        groups.setdefault(example.key, []).append(example)
    distinct = list(groups.values())
    kept = min(round(len(distinct) * parameters.held_out), len(distinct) - 1)
    chosen = set(np.random.default_rng(parameters.seed).permutation(len(distinct))[: max(0, kept)].tolist())
    train = [one for number, group in enumerate(distinct) for one in group if number not in chosen]
    return train, [group[0] for number, group in enumerate(distinct) if number in chosen]

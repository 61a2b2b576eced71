"""The examples of a training, as tokens in memory, and those that are only judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.errors import Unprocessable
from cluster.learning.tuning.lines import read_examples
from cluster.learning.tuning.spec import Hyperparameters
from cluster.settings import TuningSettings
from training.finetune.examples import Tally, Tokens, tokenise


@dataclass(frozen=True, slots=True)
class Data:
    """``held_out`` may be empty; then nobody judges, and it stops when it is through."""

    train: Sequence[Tokens]
    held_out: Sequence[Tokens]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Sources:
    """Files of examples. ``validation`` None: a share of ``train`` is kept for judging."""

    train: Path
    validation: Path | None = None


def load_data(sources: Sources, tokenizer: Any, parameters: Hyperparameters, limits: TuningSettings) -> Data:
    """Equal for equal arguments. Raises Unprocessable where nothing is left to learn from."""
    tally = Tally()
    train = _load(sources.train, tokenizer, parameters, limits, tally)
    if sources.validation is not None:
        held_out = _load(sources.validation, tokenizer, parameters, limits, tally)
    else:
        train, held_out = _split(train, parameters)
    if not train:
        raise Unprocessable(f"All {tally.dropped} examples are longer than {parameters.max_tokens} tokens; raise max_tokens, or truncate.")
    if len(train) > 1 and len({example.answered for example in train}) == 1:
        raise Unprocessable(
            f"All {len(train)} examples have the same answer, so all that can be learned is to say it whatever is asked; add examples that "
            "are answered otherwise."
        )
    return Data(train, held_out, tally)


def _load(path: Path, tokenizer: Any, parameters: Hyperparameters, limits: TuningSettings, tally: Tally) -> list[Tokens]:
    with path.open("rb") as file:
        return list(tokenise(read_examples(file, limits), tokenizer, parameters, tally))


def _split(examples: list[Tokens], parameters: Hyperparameters) -> tuple[list[Tokens], list[Tokens]]:
    """Equal examples stay together, so that none is judged that was learned."""
    groups: dict[tuple[int, ...], list[Tokens]] = {}
    for example in examples:
        groups.setdefault(example.ids, []).append(example)
    distinct = list(groups.values())
    kept = min(round(len(distinct) * parameters.held_out), len(distinct) - 1)
    chosen = set(np.random.default_rng(parameters.seed).permutation(len(distinct))[: max(0, kept)].tolist())
    train = [one for number, group in enumerate(distinct) for one in group if number not in chosen]
    return train, [group[0] for number, group in enumerate(distinct) if number in chosen]

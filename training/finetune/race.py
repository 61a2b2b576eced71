"""How fast a training of ours is beside a plain loop with PEFT and torch, in turn, in one process::

    python -m training.finetune.race WEIGHTS EXAMPLES [--rounds 10] [--steps 5]

``WEIGHTS``: the folder of a base; ``EXAMPLES``: a file of conversations. Prints tokens a second of both, of all rounds, as one JSON object.
The plain loop is what PEFT's own documentation shows: padded batches with a mask, the model's own loss, AdamW.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from peft import LoraConfig, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM

from cluster.learning.tuning.spec import Hyperparameters
from cluster.settings import TuningSettings
from training.finetune.data import Sources
from training.finetune.run import Run, Task


def plain_loop(run: Run, weights: Path) -> Callable[[int], int]:
    """A step of the plain loop over the same examples in the same order; it returns the tokens that it learned from."""
    parameters = run.parameters
    config = LoraConfig(r=parameters.rank, lora_alpha=int(parameters.alpha), target_modules="all-linear", task_type="CAUSAL_LM")
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32, local_files_only=True), config)
    optimizer = torch.optim.AdamW((one for one in model.parameters() if one.requires_grad), lr=parameters.learning_rate or 1e-3)
    model.train()

    def step(number: int) -> int:
        chosen = [run.data.train[index] for index in run.course.batch_of(number)]
        ids = pad_sequence([torch.tensor(one.ids) for one in chosen], batch_first=True)
        mask = pad_sequence([torch.ones(len(one.ids), dtype=torch.long) for one in chosen], batch_first=True)
        labels = [torch.tensor(one.ids).masked_fill(~torch.tensor(one.learned), -100) for one in chosen]
        asked = pad_sequence(labels, batch_first=True, padding_value=-100)
        loss = model(input_ids=ids, attention_mask=mask, labels=asked).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), parameters.clip)
        optimizer.step()
        optimizer.zero_grad()
        return int(mask.sum())

    return step


def race(weights: Path, examples: Path, folder: Path, *, rounds: int, steps: int) -> dict[str, list[float]]:
    """Tokens a second of each round; who goes first takes turns. Both have the same threads."""
    parameters = Hyperparameters(epochs=100, batch_size=16, patience=0, held_out=0.05)
    run = Run(Task("base", weights, Sources(examples), parameters, folder, TuningSettings()), "cpu")
    plain = plain_loop(run, weights)

    def ours(number: int) -> int:
        run.step = number
        return run.update().tokens

    entrants: dict[str, Callable[[int], int]] = {"ours": ours, "plain": plain}
    for step in entrants.values():
        step(0)
    found: dict[str, list[float]] = {name: [] for name in entrants}
    for number in range(rounds):
        for name in list(entrants) if number % 2 == 0 else list(entrants)[::-1]:
            found[name].append(_per_s(entrants[name], range(number * steps, (number + 1) * steps)))
    return found


def _per_s(step: Callable[[int], int], numbers: range) -> float:
    began = time.perf_counter()
    tokens = sum(step(number) for number in numbers)
    return tokens / (time.perf_counter() - began)


def main(
    weights: Annotated[Path, typer.Argument()],
    examples: Annotated[Path, typer.Argument()],
    rounds: Annotated[int, typer.Option(min=2)] = 10,
    steps: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Race a training of ours against a plain loop."""
    with tempfile.TemporaryDirectory(prefix="hearth-race-") as folder:
        sys.stdout.write(json.dumps(race(weights, examples, Path(folder), rounds=rounds, steps=steps)) + "\n")


if __name__ == "__main__":
    typer.run(main)

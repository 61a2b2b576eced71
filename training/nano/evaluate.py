"""Score the exported files on fresh held-out passages: python -m training.nano.evaluate --items 400

Every passage is new, made of names and values that no training text has. Prints one line for each examination: the share of answerable
questions answered exactly, the share of the others answered with the abstention, and the share of answerable ones wrongly given up.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from training.nano.answerers import EngineName, answerer
from training.nano.exam import EXAMS, Answerer, draw_items, mark

WEIGHTS = Path(__file__).parent / "weights" / "hearth-nano"
Phrasing = Literal["seen", "held_out"]


def report(answer: Answerer, exams: Sequence[str], phrasing: Phrasing, items: int, seed: int) -> str:
    """A line of scores for each examination named."""
    lines = []
    for name in exams:
        drawn = draw_items(seed, items, "held_out" if phrasing == "held_out" else "train", EXAMS[name])
        begun = time.monotonic()
        score = mark(drawn, answer([item.prompt for item in drawn]))
        lines.append(
            f"{name:5} phrasing {phrasing}: exact {score.exact:.1%}, abstention {score.abstention:.1%}, "
            f"false abstention {score.false_abstention:.1%} ({score.items} items, {time.monotonic() - begun:.0f} s)\n"
        )
    return "".join(lines)


def agreement(weights: Path, items: int, seed: int) -> float:
    """The share of hard questions that transformers (float16 weights) and llama.cpp (Q8_0) answer with the same text."""
    prompts = [item.prompt for item in draw_items(seed, items)]
    with answerer(weights, "hf") as first, answerer(weights, "gguf") as second:
        return sum(a == b for a, b in zip(first(prompts), second(prompts), strict=True)) / len(prompts)


def main(
    weights: Annotated[Path, typer.Option(help="Folder of exported files.")] = WEIGHTS,
    engine: Annotated[EngineName, typer.Option(help="transformers or llama.cpp.")] = "gguf",
    items: Annotated[int, typer.Option(min=1, help="Questions in each examination.")] = 400,
    seed: Annotated[int | None, typer.Option(help="Seed of the passages; a fresh one if absent.")] = None,
    phrasing: Annotated[Phrasing, typer.Option(help="Sentence patterns seen in training, or ones held out too.")] = "seen",
    compare: Annotated[bool, typer.Option("--compare", help="Also say how often both engines answer alike.")] = False,
) -> None:
    """Score the nano language model."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    sys.stdout.write(f"seed {seed}, {engine}, {weights}\n")
    with answerer(weights, engine) as answer:
        sys.stdout.write(report(answer, list(EXAMS), phrasing, items, seed))
    if compare:
        sys.stdout.write(f"both engines answer alike: {agreement(weights, items, seed):.1%}\n")


if __name__ == "__main__":
    typer.run(main)

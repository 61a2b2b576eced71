"""Score the nano language model on fresh held-out text: python -m training.nano.evaluate --items 100

Two examinations, both made of names and values that no training text has. `passages`: questions about one short passage, the share of
answerable ones answered exactly, of the others answered with the abstention, and of answerable ones wrongly given up. `skills`: every
skill of the family, sentence patterns held out too, with and without constrained decoding; see training.nano.skills for what counts.
With --url the model is asked over HTTP as it is served.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from cluster.errors import HearthError
from training.nano.answerers import EngineName, answerer
from training.nano.corpus import SKILLS
from training.nano.exam import EXAMS, Answerer, draw_items, mark
from training.nano.responders import Server, http_responder, local_responder
from training.nano.skills import BARS, Figures, Responder, examine_all

WEIGHTS = Path(__file__).parent / "weights" / "hearth-nano"
Phrasing = Literal["seen", "held_out"]
ExamOption = Literal["passages", "skills", "all"]


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


def skill_figures(weights: Path, server: Server | None, items: int, seed: int) -> dict[str, Figures]:
    """Every skill's figures, "free" and "constrained"; only skills whose answers follow a schema differ between the two."""
    figures: dict[str, Figures] = {}
    with responder(weights, server, constrained=False) as answer:
        figures["free"] = examine_all(answer, seed, items)
    with responder(weights, server, constrained=True) as answer:
        figures["constrained"] = {**figures["free"], **examine_all(answer, seed, items, ("extraction", "tools"))}
    return figures


@contextmanager
def responder(weights: Path, server: Server | None, constrained: bool) -> Iterator[Responder]:
    with http_responder(server, constrained) if server else local_responder(weights, constrained) as answer:
        yield answer


def table(figures: dict[str, Figures]) -> str:
    lines = []
    for name, free in figures["free"].items():
        bar = f"   bar {BARS[name]:.0%}" if name in BARS else ""
        lines.append(f"{name:20} {free:7.1%}   constrained {figures['constrained'][name]:7.1%}{bar}\n")
    return "".join(lines)


def main(
    weights: Annotated[Path, typer.Option(help="Folder of exported files.")] = WEIGHTS,
    engine: Annotated[EngineName, typer.Option(help="transformers or llama.cpp, for passages.")] = "gguf",
    exam: Annotated[ExamOption, typer.Option(help="Questions on a passage, all skills, or both.")] = "all",
    items: Annotated[int, typer.Option(min=1, help="Questions in each examination.")] = 400,
    seed: Annotated[int | None, typer.Option(help="Seed of the text; a fresh one if absent.")] = None,
    phrasing: Annotated[Phrasing, typer.Option(help="Passages: sentence patterns seen in training, or ones held out too.")] = "seen",
    compare: Annotated[bool, typer.Option("--compare", help="Also say how often both engines answer alike.")] = False,
    url: Annotated[str, typer.Option(help="Skills: ask the server at this address instead, such as http://127.0.0.1:8003.")] = "",
    model: Annotated[str, typer.Option(help="Skills: the model's name on that server.")] = "hearth-nano",
    key_file: Annotated[Path | None, typer.Option(help="Skills: file with the API key for that server.")] = None,
    print_json: Annotated[bool, typer.Option("--json", help="Skills: print the figures as JSON and nothing else.")] = False,
) -> None:
    """Score the nano language model."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    key = key_file.read_text(encoding="ascii").strip() if key_file else ""
    server = Server(url, model, key) if url else None
    try:
        if print_json:
            figures = skill_figures(weights, server, items, seed)
            sys.stdout.write(json.dumps({"seed": seed, "items": items, "skills": list(SKILLS), "bars": dict(BARS), **figures}) + "\n")
            return
        sys.stdout.write(f"seed {seed}, {url or engine}, {model if url else weights}\n")
        if exam != "skills" and not url:
            with answerer(weights, engine) as answer:
                sys.stdout.write(report(answer, list(EXAMS), phrasing, items, seed))
        if exam != "passages":
            sys.stdout.write(table(skill_figures(weights, server, items, seed)))
        if compare:
            sys.stdout.write(f"both engines answer alike: {agreement(weights, items, seed):.1%}\n")
    except HearthError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)

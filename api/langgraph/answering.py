"""What a client says to a thread that asks."""

from __future__ import annotations

from typing import Any

from api.langgraph.shapes import interrupt_id
from cluster.contracts.generation import Json
from cluster.errors import Unprocessable
from cluster.graphs.pending import questions
from cluster.graphs.table import GraphRun


def answers_to(run: GraphRun, resume: Any) -> list[tuple[str, Json]]:
    """By node. ``resume``: the one answer, or answers by the ids of the interrupts. Raises Unprocessable where it is not clear what is
    answered."""
    asked = {interrupt_id(run.id, one.key): one.node for one in questions(run)}
    if isinstance(resume, dict) and resume and set(resume) <= set(asked):
        return [(asked[name], answer) for name, answer in resume.items()]
    if len(asked) == 1:
        return [(next(iter(asked.values())), resume)]
    ids = ", ".join(f"{name} ({node})" for name, node in asked.items())
    raise Unprocessable(f"The thread asks several things; answer them by the ids of the interrupts: {ids}.").about("command.resume")

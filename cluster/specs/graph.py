"""Graphs of steps: one YAML file for each, in ``configs/graphs``, the owner's ``graphs`` folder in HEARTH_HOME, or over HTTP.

Text and lines are the business of ``graph_text.py``; whether a graph makes sense as a whole, of ``cluster/graphs/checking.py``.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from cluster.specs.loader import Spec
from cluster.specs.nodes import Expression, Name, Node

GRAPH_NAME = r"^[a-z][a-z0-9_-]{0,63}$"


class GraphLimits(Spec):
    """What one run may spend; what is over ends the run as failed. Null: the settings `graphs.*` alone hold."""

    steps: int | None = Field(None, ge=1, description="Nodes that are run, repetitions included.")
    tokens: int | None = Field(None, ge=1, description="Tokens of all models together, prompts included.")
    seconds: float | None = Field(None, gt=0, description="Seconds of work; waiting for people or for its turn does not count.")
    money: float | None = Field(None, gt=0, description="What answers of providers may cost, in the currency of configs/prices.yaml.")


class GraphSpec(Spec):
    """``state``: JSON Schemas by key, of what nodes write. Keys that are not listed take whatever their one node gives."""

    name: str = Field(pattern=GRAPH_NAME, description="Also the name of its file.")
    version: int = Field(1, ge=1, description="Counted up with every change.")
    title: str = Field("", max_length=200, description="For people; empty: the name.")
    description: str = Field("", max_length=4000, description="What it is for.")
    input: dict[str, Any] = Field(
        default_factory=lambda: {"type": "object"},
        description="JSON Schema of the input, an object. A graph that can be chatted with takes `question` (a text) or `messages`.",
    )
    state: dict[Name, dict[str, Any]] = Field(default_factory=dict, description="JSON Schemas by key of the state.")
    output: dict[Name, Expression] = Field(
        min_length=1, description="Expressions by key. A graph that can be chatted with gives `answer`, a text, and may give `citations`."
    )
    start: Name | list[Name] = Field(description="Node, or nodes, to begin with.")
    nodes: dict[Name, Node] = Field(min_length=1, max_length=500, description="By name.")
    limits: GraphLimits = GraphLimits()
    tags: list[str] = Field(default_factory=list, max_length=32, description="To be found by.")

    @property
    def starts(self) -> tuple[str, ...]:
        return (self.start,) if isinstance(self.start, str) else tuple(self.start)

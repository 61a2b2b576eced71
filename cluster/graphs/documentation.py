"""What a graph is, for people: written from the graph and the comment it begins with, so that it says what holds today."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby, takewhile
from textwrap import dedent
from typing import Any

from cluster.graphs.chatting import can_chat
from cluster.graphs.drawing import mermaid
from cluster.graphs.library import GraphFile
from cluster.graphs.resolved import every_node, tools_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import HumanNode

PAGE = "{about}\n\n## Evaluation\n\n`hearth bench graphs`: {evaluation} The figures stand in [README.md](README.md).\n"
UNASKED = "it asks no model, so there is nothing to evaluate; its tests run it."


def readme(file: GraphFile, evaluation: str | None) -> str:
    """The page beside a graph's file. ``evaluation``: what is measured; None: no model has a part in it."""
    about = document(file.spec, mermaid(file.spec), chat=can_chat(file.spec), usage=usage(file.text))
    return PAGE.format(about=about.strip(), evaluation=evaluation or UNASKED)


def usage(text: str) -> str:
    """The comment that a graph begins with, as Markdown: what is indented further is a command."""
    lines = [line[1:].removeprefix(" ") for line in takewhile(lambda line: line.startswith("#"), text.splitlines())]
    parts = ["\n".join(group) for blank, group in groupby(lines, key=lambda line: not line.strip()) if not blank]
    return "\n\n".join(f"```\n{dedent(part)}\n```" if part.startswith("  ") else part for part in parts)


def document(spec: GraphSpec, diagram: str, *, chat: bool, usage: str = "") -> str:
    """Markdown. ``usage``: how it is used, in words."""
    parts = [
        f"# {spec.title or spec.name}",
        spec.description or "It has no description.",
        usage,
        _asked(spec, chat=chat),
        "## Input",
        _fields(spec.input),
        "## Output",
        table(("key", "expression"), [(key, f"`{expression}`") for key, expression in spec.output.items()]),
        "## Steps",
        table(("node", "kind", "what it does"), [(name, node.kind, node.description) for name, node in spec.nodes.items()]),
        _people(spec),
        _tools(spec),
        f"```mermaid\n{diagram.strip()}\n```",
        f"Version {spec.version}." + (f" Tags: {', '.join(spec.tags)}." if spec.tags else ""),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _asked(spec: GraphSpec, *, chat: bool) -> str:
    body = json.dumps({"task_type": spec.name, "parameters": _example(spec.input)})
    said = f"As a task: `POST /api/v1/tasks` with `{body}`. As a workflow: `POST /api/v1/workflows/execute`."
    return said + (f" In a chat: as the model `agent/{spec.name}`." if chat else "")


def _fields(schema: dict[str, Any]) -> str:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not properties:
        return "Any JSON object."
    rows = [(name, _kind(field), "yes" if name in required else "", _said(field)) for name, field in properties.items()]
    return table(("field", "type", "required", ""), rows)


def _people(spec: GraphSpec) -> str:
    asks = [f"- `{name}`: {_cell(node.ask)}" for name, node in every_node(spec) if isinstance(node, HumanNode)]
    return "\n".join(["## Where it waits for a person", "", *asks]) if asks else ""


def _tools(spec: GraphSpec) -> str:
    names = sorted(tools_of(spec))
    return f"Tools: {', '.join(f'`{name}`' for name in names)}." if names else ""


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    """A value for each required field, or for the first where none is."""
    properties = schema.get("properties", {})
    wanted = schema.get("required") or list(properties)[:1]
    return {name: _value(properties.get(name, {})) for name in wanted}


def _value(field: object) -> Any:
    if not isinstance(field, dict):
        return None
    if "default" in field:
        return field["default"]
    if field.get("enum"):
        return field["enum"][0]
    samples = {"string": "...", "integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
    return samples.get(str(field.get("type")), "...")


def _kind(field: object) -> str:
    kind = field.get("type", "any") if isinstance(field, dict) else "any"
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _said(field: object) -> str:
    return str(field.get("description", "")) if isinstance(field, dict) else ""


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())

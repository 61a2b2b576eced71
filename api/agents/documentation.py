"""What a kind of agent is, for people: written from its graph, so that it says what holds today."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic.fields import FieldInfo

from cluster.graphs.agents import AgentSpec
from cluster.graphs.resolved import every_node, tools_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import HumanNode


def document(spec: GraphSpec, diagram: str, *, chat: bool) -> str:
    """Markdown."""
    parts = [
        f"# {spec.title or spec.name}",
        spec.description or "It has no description.",
        _asked(spec, chat=chat),
        "## Input",
        _fields(spec.input),
        "## Output",
        _table(("key", "expression"), [(key, f"`{_cell(expression)}`") for key, expression in spec.output.items()]),
        "## Steps",
        _table(("node", "kind", "what it does"), [(name, node.kind, node.description) for name, node in spec.nodes.items()]),
        _people(spec),
        _tools(spec),
        f"```mermaid\n{diagram}\n```",
        f"Version {spec.version}." + (f" Tags: {', '.join(spec.tags)}." if spec.tags else ""),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def how_to_make_one() -> str:
    """Markdown: what an agent is made from, and how."""
    rows = [(name, _default(field), field.description or "") for name, field in AgentSpec.model_fields.items()]
    return _MAKING.format(fields=_table(("field", "default", ""), rows))


def _asked(spec: GraphSpec, *, chat: bool) -> str:
    body = json.dumps({"task_type": spec.name, "parameters": _example(spec.input)})
    said = f"As a task: `POST /api/v1/tasks` with `{body}`. As a workflow: `POST /api/v1/workflows/execute`."
    return said + (f" In a chat: as the model `agent/{spec.name}`." if chat else "")


def _fields(schema: dict[str, Any]) -> str:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not properties:
        return "Any JSON object."
    rows = [(name, _kind(field), "yes" if name in required else "", _said(field)) for name, field in properties.items()]
    return _table(("field", "type", "required", ""), rows)


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


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{json.dumps(field.default)}`" if field.default_factory is None else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


_MAKING = """# Making an agent

An agent looks a question up in its collections, where it has some, and then lets its model answer, which may call tools. Make one by
`POST /api/v1/agents`:

```json
{{"name": "helper", "instructions": "You answer questions about the farm, briefly.", "collections": ["handbooks"], "tools": []}}
```

It is there at once: as the model `agent/helper` in `POST /v1/chat/completions`, as a task by `POST /api/v1/tasks` with
`{{"task_type": "helper", "parameters": {{"question": "How many goats are there?"}}}}`, and as a workflow by
`POST /api/v1/workflows/execute`. Each `PUT /api/v1/agents/{{id}}` is a new version; `POST /api/v1/agents/{{id}}/revert` goes back
to an earlier one.

{fields}

What takes more than one step is a graph: `POST /api/v1/workflows/definitions`. `GET /api/v1/agent-types` lists those that are here already.
"""

"""A draft as it stands in a message: the text of an agent or a graph, in a part of its own, which is read back when it is saved.

The part is what `<ui:draft kind="...">` makes of an answer (api/streams/thinking.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from api.agents.schemas import AgentBody
from api.conversations.tables import Message
from cluster.contracts.generation import JsonObject
from cluster.errors import ConfigError, Unprocessable
from cluster.graphs.agents import agent_graph
from cluster.graphs.composing import WorkflowPlan, workflow_graph
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import parse_graph
from cluster.specs.loader import explain
from cluster.specs.yaml_text import read_text

Kind = Literal["agent_creation", "workflow_creation"]
AGENTS: Kind = "agent_creation"
WORKFLOWS: Kind = "workflow_creation"
KINDS = (AGENTS, WORKFLOWS)
PART = "draft"
ORIGIN = "draft"
# Begins the comment from which a drafted graph can be composed again.
PLAN = "# Drafted from "
_TAGS = re.compile(r"<(?=/?(?:think|ui:))")


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft of a message. ``saved``: what became of it, None where nobody saved it."""

    message: Message
    kind: Kind
    text: str
    saved: JsonObject | None


def agent_text(plan: dict[str, Any]) -> str:
    return _dumped(plan)


def workflow_text(plan: WorkflowPlan) -> str:
    graph = workflow_graph(plan).model_dump(mode="json", exclude_defaults=True)
    made_of = json.dumps(plan.model_dump(mode="json", exclude_defaults=True))
    return f"{PLAN}{_harmless(made_of)}\n{_dumped(graph)}"


def plan_of(text: str) -> dict[str, Any]:
    """What a draft was made from, to change it."""
    first = text.partition("\n")[0]
    found = json.loads(first.removeprefix(PLAN)) if first.startswith(PLAN) else yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def agent_of(text: str, most_bytes: int) -> AgentBody:
    """Raises Unprocessable."""
    try:
        return AgentBody.model_validate(read_text(text, ORIGIN, most_bytes).data)
    except ValidationError as error:
        raise Unprocessable(explain(error, AgentBody, ORIGIN)) from None
    except ConfigError as error:
        raise Unprocessable(error.message) from None


def graph_of(kind: Kind, text: str, most_bytes: int) -> GraphSpec:
    """The graph that a draft is or becomes. Raises Unprocessable."""
    if kind == AGENTS:
        body = agent_of(text, most_bytes)
        return agent_graph(body.name, body.title, body.description, body.agent())
    try:
        return parse_graph(text, ORIGIN, most_bytes).spec
    except ConfigError as error:
        raise Unprocessable(error.message) from None


def latest(branch: Sequence[Message]) -> Kept | None:
    """The last draft of a branch."""
    return next((kept for row in reversed(branch) if (kept := kept_in(row)) is not None), None)


def kept_in(row: Message) -> Kept | None:
    part = next((part for part in row.parts if is_draft(part)), None)
    if part is None or row.role != "assistant" or row.status != "complete":
        return None
    kind = next((kind for kind in KINDS if f'"{kind}"' in part.get("attributes", "")), None)
    return Kept(row, kind, str(part["text"]), part.get("saved")) if kind is not None else None


def is_draft(part: dict[str, Any]) -> bool:
    return part["type"] == "ui" and part.get("name") == PART


def marked(kind: Kind, text: str) -> str:
    """The text of a draft as an answer holds it."""
    return f'<ui:{PART} kind="{kind}">{text}</ui:{PART}>'


def shown(text: str) -> str:
    """Words in an answer beside it, which are no tags of it."""
    return _TAGS.sub("< ", text)


def _dumped(data: dict[str, Any]) -> str:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    # As JSON, which is YAML too, an escape can stand for it: nothing that somebody says ends the part.
    return _harmless(json.dumps(data, ensure_ascii=False, indent=2)) + "\n" if _TAGS.search(text) else text


def _harmless(text: str) -> str:
    return text.replace("<", "\\u003c")

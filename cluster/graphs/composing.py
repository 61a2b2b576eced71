"""Graphs of a few well-known steps one after the other: what a draft of a workflow is composed to.

Whatever is chosen, the graph makes sense as a whole: a test composes every combination and has it checked. What takes more, loops,
branches or other tools, is written by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from cluster.specs.graph import GRAPH_NAME, GraphSpec
from cluster.specs.loader import Spec

Source = Literal["text", "texts", "file", "audio", "documents"]
Step = Literal["summarise", "classify", "extract", "write"]
Word = Annotated[str, Field(min_length=1, max_length=60)]
# Of a text, what a model is shown; smaller models have no room for more.
SHOWN = 4000
SOURCES: dict[Source, str] = {
    "text": "a text that is sent along",
    "texts": "many texts, each summarised first",
    "file": "a file: an image, a PDF or a text",
    "audio": "a recording of speech",
    "documents": "the passages of collections that a question finds",
}
STEPS: dict[Step, str] = {
    "summarise": "sums the text up",
    "classify": "chooses one of several labels",
    "extract": "takes named fields out of the text",
    "write": "writes what the instructions ask for, such as an answer, a reply or a translation",
}


def _writing() -> list[Step]:
    return ["write"]


class WorkflowPlan(Spec):
    """What a composed graph is made from."""

    name: str = Field(pattern=GRAPH_NAME, description="Of the graph.")
    title: str = Field("", max_length=200, description="For people.")
    description: str = Field("", max_length=4000, description="What it is for.")
    source: Source = Field("text", description="What it works on.")
    steps: list[Step] = Field(default_factory=_writing, min_length=1, max_length=4, description="What is done, in this order.")
    instructions: str = Field("", max_length=4000, description="What `write` is told.")
    labels: list[Word] = Field(default_factory=lambda: ["urgent", "normal"], min_length=2, max_length=16, description="For `classify`.")
    fields: list[Word] = Field(default_factory=lambda: ["who", "what", "when"], min_length=1, max_length=16, description="For `extract`.")
    collections: list[str] = Field(default_factory=list, max_length=32, description="For `documents`; none: all.")
    approve: bool = Field(False, description="Whether a person agrees before it is filed, or ends well.")
    keep: bool = Field(False, description="Whether the results are filed in the workspace.")


@dataclass
class _Made:
    """A graph on its way. ``text``: expression of what the next step works on. ``last``: nodes that lead to the next one."""

    text: str
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    last: tuple[str, ...] = ()

    def add(self, name: str, node: dict[str, Any]) -> None:
        for before in self.last:
            self.nodes[before]["then"] = name
        self.nodes[name] = node
        self.last = (name,)


def workflow_graph(plan: WorkflowPlan) -> GraphSpec:
    """source -> steps -> a person's approval -> a file, as far as the plan has them."""
    made = _source(plan)
    for number, step in enumerate(plan.steps, start=1):
        _step(made, plan, step, f"{step}_{number}" if plan.steps.count(step) > 1 else step)
    output = dict(made.results)
    if plan.source == "documents":
        output["citations"] = "state.passages"
    # What a chat shows; a graph that takes a question can be chatted with.
    output["answer"] = made.text if "write" in plan.steps or "summarise" in plan.steps else f"json({_results(made)})"
    if plan.approve:
        _approval(made, plan)
        output["approved"] = "state.approval.approved"
    if plan.keep:
        _filing(made, plan)
        output["path"] = "has(state.filed) ? state.filed.path : null"
    start = next(iter(made.nodes))
    about = {"name": plan.name, "title": plan.title, "description": plan.description, "tags": ["drafted"]}
    return GraphSpec.model_validate({**about, "input": _input(plan), "output": output, "start": start, "nodes": made.nodes})


def _input(plan: WorkflowPlan) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": 100_000}
    fields: dict[Source, dict[str, Any]] = {
        "text": {"question": text | {"description": "The text."}},
        "texts": {"texts": {"type": "array", "minItems": 1, "maxItems": 200, "items": text}},
        "file": {"file": {"type": "string", "minLength": 1, "maxLength": 15_000_000, "description": "Image, PDF or text."}},
        "audio": {"audio": {"type": "string", "minLength": 1, "maxLength": 15_000_000, "description": "A file of the workspace."}},
        "documents": {"question": text},
    }  # fmt: skip
    properties = fields[plan.source]
    return {"type": "object", "properties": properties, "required": list(properties)}


def _source(plan: WorkflowPlan) -> _Made:
    if plan.source == "text":
        return _Made("input.question")
    if plan.source == "texts":
        return _texts()
    if plan.source == "file":
        return _file()
    if plan.source == "audio":
        made = _Made("state.transcript.text")
        made.add("transcript", {"kind": "audio", "audio": "input.audio", "description": "What is said."})
        return made
    made = _Made('state.passages.map(p, "[" + string(p.number) + "] " + p.text).join("\\n")')
    search = {"kind": "retrieve", "query": "input.question", "limit": 6, "to": "passages", "description": "Finds passages."}
    made.add("search", search | ({"collections": plan.collections} if plan.collections else {}))
    return made


def _texts() -> _Made:
    made = _Made('state.summaries.filter(s, s != null).join("\\n")')
    each = {"kind": "llm", "user": f"Summarise in one sentence: {{{{ item.substring(0, {SHOWN}) }}}}", "temperature": 0, "max_tokens": 200}
    made.add(
        "summaries",
        {"kind": "map", "over": "input.texts", "each": each, "skip_errors": True, "description": "A sentence for each; null: it failed."},
    )
    return made


def _file() -> _Made:
    """Images and PDFs are read as what they are, anything else as text."""
    looks = 'input.file.startsWith("data:") || input.file.matches("(?i)\\\\.(png|jpe?g|webp|bmp|tiff?|gif|pdf)$")'
    made = _Made("state.text")
    made.nodes = {
        "kind_of_file": {"kind": "router", "then": [{"to": "look", "when": looks}, "load"]},
        "look": {"kind": "vision", "image": "input.file", "to": "text", "description": "Reads an image or a PDF."},
        "load": {"kind": "tool", "tool": "files_read", "arguments": {"path": "= input.file"}, "then": "take"},
        "take": {"kind": "transform", "value": "state.load.content", "to": "text"},
    }
    made.last = ("look", "take")
    return made


def _step(made: _Made, plan: WorkflowPlan, step: Step, name: str) -> None:
    shown = f"{{{{ ({made.text}).substring(0, {SHOWN}) }}}}"
    node: dict[str, Any] = {"kind": "llm", "temperature": 0, "max_tokens": 512, "description": STEPS[step].capitalize() + "."}
    if step == "summarise":
        made.add(name, node | {"user": f"Summarise in one sentence: {shown}"})
    elif step == "classify":
        _classify(made, plan, name, node | {"user": f"Which label fits? Labels: {', '.join(plan.labels)}\nText: {shown}", "max_tokens": 24})
    elif step == "extract":
        made.add(name, node | {"user": f"Extract JSON: {', '.join(plan.fields)}\n\nText: {shown}", "output": _fields(plan)})
    else:
        asked = "\n\nQuestion: {{ input.question }}" if plan.source == "documents" else ""
        head = "Passage: " if plan.source == "documents" else ""
        made.add(name, node | {"system": literal(plan.instructions) or "Answer briefly.", "user": f"{head}{shown}{asked}"})
    made.results[name] = f"state.{name}"
    if step in ("summarise", "write"):
        made.text = f"state.{name}"


def _classify(made: _Made, plan: WorkflowPlan, name: str, node: dict[str, Any]) -> None:
    """Whatever the model says, the label is one of those given, or `other`."""
    said = f"{name}_said"
    made.add(said, node)
    labels = "[" + ", ".join(_text(label) for label in plan.labels) + "]"
    value = f'({labels}.filter(l, state.{said}.lowerAscii().contains(l.lowerAscii())) + ["other"])[0]'
    made.add(name, {"kind": "transform", "value": value, "description": "The label, or `other`."})


def _fields(plan: WorkflowPlan) -> dict[str, Any]:
    properties = {name: {"type": ["string", "null"], "maxLength": 400} for name in dict.fromkeys(plan.fields)}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _approval(made: _Made, plan: WorkflowPlan) -> None:
    schema = {
        "type": "object",
        "properties": {"approved": {"type": "boolean"}, "note": {"type": "string", "maxLength": 2000}},
        "required": ["approved"],
        "additionalProperties": False,
    }
    ask = f"May this result of {plan.name} be used?"
    made.add("approval", {"kind": "human", "ask": ask, "show": _results(made), "answer": schema, "expires_s": 7 * 86400})


def _filing(made: _Made, plan: WorkflowPlan) -> None:
    if plan.approve:
        made.nodes["approval"]["then"] = [
            {"to": "filed", "when": "state.approval.approved"},
            {"to": "end", "when": "!state.approval.approved"},
        ]
        made.last = ()
    arguments = {"path": f'= "{plan.name}/" + run.id + ".json"', "content": f"= json({_results(made)})"}
    made.add("filed", {"kind": "tool", "tool": "files_write", "arguments": arguments, "description": "Files the results."})


def _results(made: _Made) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in made.results.items()) + "}"


def _text(value: str) -> str:
    """As a text of an expression."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + " ".join(plain.split()) + '"'


def literal(words: str) -> str:
    """As a template that says just that: what a person wrote is no expression."""
    return re.sub(r"\{(?=\{)|\}(?=\})", lambda brace: f"{brace[0]} ", words)

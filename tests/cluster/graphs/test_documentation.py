"""The pages of graphs: what they tell people to type is what the graphs take."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from cluster.cli.graph_runs import _field
from cluster.graphs.documentation import document, readme, usage
from cluster.graphs.library import GraphLibrary
from cluster.home import GRAPHS
from cluster.json_schema import check_value, with_defaults
from cluster.specs.graph import GraphSpec

LIBRARY = GraphLibrary.load(GRAPHS, most_bytes=2**20)
NAMES = [spec.name for spec in LIBRARY]
INDEX = (GRAPHS / "README.md").read_text()


def commands(name: str) -> list[list[str]]:
    """Those of a page that run a graph, as words."""
    found = re.findall(r"^hearth (graph run .+)$", (GRAPHS / f"{name}.md").read_text(), re.MULTILINE)
    return [shlex.split(command) for command in found]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_page_gives_the_graph_what_it_takes(name):
    schema = LIBRARY.get(name).input
    assert commands(name)
    for _, _, graph, *words in commands(name):
        assert graph == name
        files = [word for before, word in zip([None, *words], words, strict=False) if before == "--file"]
        fields = [word for word in words if word != "--file" and word not in files]
        given: dict[str, Any] = dict(_field(told, schema) for told in fields) | dict(file.split("=", 1) for file in files)
        check_value(with_defaults(given, schema), schema)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_input_output_steps_and_what_is_measured(name):
    spec, page = LIBRARY.get(name), (GRAPHS / f"{name}.md").read_text()
    assert page.startswith(f"# {spec.title}\n")
    assert all(f"| {key} |" in page for key in (*spec.input["properties"], *spec.output, *spec.nodes))
    for part in ("## Input", "## Output", "## Steps", "```mermaid\nflowchart TD", "## Evaluation\n\n`hearth bench graphs`: "):
        assert part in page
    assert f"[{name}]({name}.md)" in INDEX


def test_a_page_says_that_there_is_nothing_to_measure_where_no_model_has_a_part():
    assert "it asks no model" in readme(LIBRARY.file("todo"), None)
    assert "it asks no model" not in readme(LIBRARY.file("triage"), "letters.")


def test_the_comment_of_a_graph_is_text_and_commands():
    text = "# One line\n# and another.\n#\n#   hearth graph run x\n#   hearth graph run y\n#\n# The end.\nname: x\n# not this\n"
    assert usage(text) == "One line\nand another.\n\n```\nhearth graph run x\nhearth graph run y\n```\n\nThe end."
    assert usage("name: x\n") == ""


def test_a_graph_that_says_little_has_a_page_too():
    spec = GraphSpec.model_validate(
        {"name": "small", "output": {"a": "1 | 2"}, "start": "a", "nodes": {"a": {"kind": "human", "ask": "Is it?\nReally?"}}}
    )
    page = document(spec, "flowchart TD\n", chat=False)
    for part in ("# small\n\nIt has no description.", "Any JSON object.", r"| a | `1 \| 2` |", "- `a`: Is it? Really?", "Version 1."):
        assert part in page
    assert "agent/small" not in page

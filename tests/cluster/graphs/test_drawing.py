from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from cluster.errors import BadInput
from cluster.graphs.drawing import COLOURS, mermaid
from cluster.graphs.picture import draw, lay_out
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import parse_graph

GRAPH = """\
name: mine
output: {answer: '1'}
start: [look, ask]
nodes:
  look: {kind: retrieve, query: input.q, then: choose, on_error: ask}
  choose: {kind: router, then: [{to: write, when: 'state.look == "x|]\\" --> n9"'}, {to: choose, when: 'false'}, end]}
  write: {kind: tool, tool: files_write, then: each}
  each: {kind: map, over: '[1]', each: {kind: llm, user: x, model: qwen3-8b}}
  ask: {kind: human, ask: What?, then: look}
"""


def graph(text: str = GRAPH) -> GraphSpec:
    return parse_graph(text, "mine.yaml", 2**20).spec


def picture(drawn: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(drawn))
    image.load()
    return image.convert("RGB")


def test_every_node_and_way_stands_in_the_text():
    rows = mermaid(graph()).splitlines()
    assert rows[0] == "flowchart TD"
    assert '    n0[("look<br>retrieve")]' in rows
    assert '    n2("write<br>tool: files_write")' in rows
    assert '    n3[["each<br>map of llm"]]' in rows
    assert "    begin --> n0" in rows
    assert "    begin --> n4" in rows
    assert '    n0 -.->|"on error"| n4' in rows
    assert '    n1 -->|"false"| n1' in rows
    assert "    n1 --> finish" in rows


def test_nothing_that_a_condition_says_can_end_its_label():
    row = next(row for row in mermaid(graph()).splitlines() if row.startswith("    n1 -->|") and "false" not in row)
    label = re.fullmatch(r'    n1 -->\|"([^"|<>\[\]]*)"\| n2', row)
    assert label is not None
    assert "#34;x#124;#93;" in label[1]


def test_the_state_of_a_node_is_its_colour():
    text = mermaid(graph(), {"look": "succeeded", "write": "failed", "each": "unheard_of"})
    assert "    class n0 succeeded" in text
    assert "    class n2 failed" in text
    assert "unheard_of" not in text


def test_the_picture_shows_the_states_in_their_colours():
    plain, coloured = picture(draw(graph())), picture(draw(graph(), {"look": "succeeded", "write": "failed"}))
    assert plain.size == coloured.size
    assert min(plain.size) > 200
    for state in ("succeeded", "failed"):
        fill = tuple(int(COLOURS[state][0][place : place + 2], 16) for place in (1, 3, 5))
        counted = [sum(count for count, colour in image.getcolors(2**24) or [] if colour == fill) for image in (plain, coloured)]
        assert counted[0] < 100 < 1000 < counted[1]


def test_nodes_do_not_lie_on_each_other():
    placed = list(lay_out(graph()).boxes.values())
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            apart = abs(one.xy[0] - other.xy[0]) >= (one.w + other.w) / 2 or abs(one.xy[1] - other.xy[1]) >= (one.h + other.h) / 2
            assert apart, (one.lines, other.lines)


def test_a_node_that_nothing_leads_to_is_drawn_beside():
    assert picture(draw(graph(GRAPH + "  alone: {kind: join}\n"))).width > picture(draw(graph())).width


def test_what_is_too_large_for_a_picture_says_what_to_do():
    with pytest.raises(BadInput, match="draw it as text of Mermaid"):
        draw(graph(), most_pixels=1000)

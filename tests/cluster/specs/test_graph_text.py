from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.graphs.resolved import spec_json
from cluster.specs.graph_text import KINDS, parse_graph, place, read_graph

MIB = 2**20
GRAPH = """\
name: mine
output: {answer: state.ask}
start: ask
nodes:
  ask:
    kind: llm
    user: "{{ input.question }}"
"""


def mistakes(extra: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_graph(GRAPH + extra, "mine.yaml", MIB)
    return caught.value.message.splitlines()


def test_a_graph_is_read_with_the_lines_of_its_nodes():
    parsed = parse_graph(GRAPH, "mine.yaml", MIB)
    assert parsed.spec.nodes["ask"].kind == "llm"
    assert (place(parsed.lines, ("nodes", "ask")), place(parsed.lines, ("nodes", "ask", "user"))) == (5, 7)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("    modle: x\n", "mine.yaml:8: node 'ask': unknown key 'modle'; did you mean 'model'?"),
        ("    retry: {atempts: 2}\n", "mine.yaml:8: node 'ask': unknown key 'retry.atempts'; did you mean 'attempts'?"),
        ("    then: [{to: end, wen: x}]\n", "mine.yaml:8: node 'ask': unknown key 'then.0.wen'; did you mean 'when'?"),
        ("    messages: input.messages\n", "mine.yaml:5: node 'ask': give 'user' or 'messages', one of them."),
        (
            "    then: [Next One]\n",
            "mine.yaml:8: node 'ask': 'then.0': the name 'Next One' does not fit; names have lower-case letters, digits and '_', and begin "
            "with a letter.",
        ),
        ("  b: {kind: lllm}\n", "mine.yaml:8: node 'b': there is no kind 'lllm'; did you mean 'llm'?"),
        ("  b: 5\n", "mine.yaml:8: node 'b': expected a mapping of keys to values."),
        ("  b: {kind: graph, graph: [x]}\n", "mine.yaml:8: node 'b': 'graph': Input should be a valid string (found ['x'])."),
        ("  b: {kind: graph}\n", "mine.yaml:8: node 'b': key 'graph' is missing."),
        ("limts: {}\n", "mine.yaml:8: unknown key 'limts'; did you mean 'limits'?"),
        ("  b:\n    kind: map\n    over: state.x\n    each: {kind: llm, usr: x}\n",
         "mine.yaml:11: node 'b': unknown key 'each.usr'; did you mean 'user'?"),
        ("  b:\n    kind: map\n    over: state.x\n    each: {kind: human, ask: x}\n",
         "mine.yaml:11: node 'b': 'each': a node of kind 'human' cannot stand in a map."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_line_and_node(extra, said):
    assert mistakes(extra) == [said]


def test_every_node_with_a_mistake_is_named_in_order_of_line():
    told = mistakes("  b: {}\n  c: {kind: wait}\nlimts: {}\n")
    assert [line.split(": ")[0] for line in told] == ["mine.yaml:8", "mine.yaml:9", "mine.yaml:10"]


def test_a_text_full_of_mistakes_is_told_of_the_first_ones():
    told = mistakes("".join(f"  n{number}: {{}}\n" for number in range(50)))
    assert len(told) == 21
    assert told[-1] == "mine.yaml: and 30 more mistakes."


def test_a_missing_key_is_named_without_a_wrong_line():
    with pytest.raises(ConfigError, match=r"^mine.yaml:1: key 'start' is missing\.$"):
        parse_graph("name: mine\noutput: {a: '1'}\nnodes: {a: {kind: join}}\n", "mine.yaml", MIB)


def test_a_list_is_no_graph():
    with pytest.raises(ConfigError, match="expected a mapping of keys to values, found list"):
        parse_graph("- a\n", "mine.yaml", MIB)


def test_json_that_came_over_http_has_no_lines():
    with pytest.raises(ConfigError, match=r"^the graph: node 'a': unknown key 'usr'; did you mean 'user'\?$"):
        read_graph({"name": "g", "output": {"a": "1"}, "start": "a", "nodes": {"a": {"kind": "llm", "user": "x", "usr": 1}}}, "the graph")


def test_what_a_graph_says_as_json_is_the_graph():
    spec = parse_graph(GRAPH, "mine.yaml", MIB).spec
    assert parse_graph(json.dumps(spec_json(spec)), "mine.json", MIB).spec == spec


def test_there_is_a_shape_for_every_kind():
    assert {"llm", "vision", "audio", "embed", "retrieve", "tool", "transform", "router", "map", "join", "graph", "human", "wait",
            "guard"} == set(KINDS)  # fmt: skip


SMALL = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "llm", "map", "end", "a", "= x", "A b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*KINDS, "kind", "then", "to", "when", "each", "user", "messages", "guard", "schema"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "nodes", "start", "output", "state", "x"]), st.dictionaries(st.sampled_from("ab"), SMALL)))
def test_whatever_is_given_as_a_graph_is_read_or_refused_in_lines_that_name_it(data):
    told: list[str] = []
    try:
        read_graph(data, "the graph")
    except ConfigError as error:
        told = error.message.splitlines()
    assert all(line.startswith("the graph: ") for line in told)

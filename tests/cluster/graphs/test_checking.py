"""Each finding by itself: a small graph with one mistake, and what is said of it."""

from __future__ import annotations

import pytest

from cluster.errors import BadInput
from cluster.graphs.checking import Known, check, require
from cluster.specs.graph_text import parse_graph
from cluster.tools.builtin.graphs import TASK_CREATE
from cluster.tools.tool import ToolSpec

HEAD = "name: mine\noutput: {answer: '1'}\nstart: a\n"
QUESTION = "input: {type: object, properties: {q: {type: string}, n: {type: integer}}, required: [q, n]}\n"
FORK = "a: {kind: llm, user: x, then: [b, c]}\nb: {kind: llm, user: x, then: d}\nc: {kind: llm, user: x, then: d}\n"
WRITE = ToolSpec(
    "files_write",
    "Write",
    "Writes.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}, "replace": {"type": "boolean"}},
        "required": ["path", "content"],
    },
    "files",
    output={"type": "object", "properties": {"path": {"type": "string"}, "bytes": {"type": "integer"}}},
)


def parsed(nodes: str, head: str = HEAD):
    text = head + "nodes:\n" + "".join(f"  {line}\n" for line in nodes.strip().splitlines())
    return parse_graph(text, "mine.yaml", 2**20)


def told(nodes: str, head: str = HEAD, known: Known | None = None) -> list[str]:
    graph = parsed(nodes, head)
    return [finding.told("mine.yaml") for finding in check(graph.spec, graph.lines, known)]


def said(nodes: str, head: str = HEAD, known: Known | None = None) -> list[str]:
    """Without file and line."""
    return [line.split(": ", 1)[1] for line in told(nodes, head, known)]


def test_a_graph_that_makes_sense_has_no_findings():
    assert told("a: {kind: llm, user: hello, then: b}\nb: {kind: transform, value: state.a}") == []


@pytest.mark.parametrize(
    ("nodes", "findings"),
    [
        ("a: {kind: llm, user: x, then: bb}\nb: {kind: llm, user: x, then: a}",
         ["node 'a': there is no node 'bb'; did you mean 'b'?",
          "node 'b': no way leads to it from 'start'; name it in a 'then', or take it out."]),
        ("a: {kind: llm, user: x, then: next_on}\nnext_one: {kind: llm, user: x}",
         ["node 'a': there is no node 'next_on'; did you mean 'next_one'?",
          "node 'next_one': no way leads to it from 'start'; name it in a 'then', or take it out."]),
        ("a: {kind: llm, user: x, on_error: a}", ["node 'a': 'on_error' names the node itself; 'retry' says how often it is tried."]),
        ("a: {kind: llm, user: x, then: b}\nb: {kind: llm, user: x, then: a}",
         ["node 'a': a -> b -> a goes round for ever; give one of these edges a condition ('when')."]),
        ("a: {kind: router, then: [{to: b, when: 'true'}, c]}\nb: {kind: llm, user: x, then: a}\nc: {kind: llm, user: x, then: a}",
         ["node 'a': no way leads out of a, b, c; add an edge to another node or to 'end'."]),
        ("a: {kind: router}", ["node 'a': a router chooses between several nodes; give two or more in 'then', or take it out."]),
        ("a: {kind: router, then: [b, end]}\nb: {kind: llm, user: x}",
         ["node 'a': only one edge may be without 'when', the last: it is taken where no other holds."]),
        ("a: {kind: router, then: [b, {to: end, when: 'true'}]}\nb: {kind: llm, user: x}",
         ["node 'a': edges behind one without 'when' are never taken; put it last."]),
        ("a: {kind: router, choose: x, then: [b, {to: end, when: 'true'}]}\nb: {kind: llm, user: x}",
         ["node 'a': with 'choose' a model decides; take the conditions ('when') out, or 'choose'."]),
        ("a: {kind: llm, user: x, then: b}\nb: {kind: join}",
         ["warning: node 'b': it waits for every branch that leads to it, but there is only one; take the join out, or lead another branch "
          "to it."]),
        ("a: {kind: llm, user: x, then: [b, c]}\nb: {kind: llm, user: x, to: k}\nc: {kind: llm, user: x, to: k}",
         ["node 'b': it runs beside 'c', and both write the key 'k'; give one of them another 'to'."]),
        (FORK + "d: {kind: llm, user: x}",
         ["warning: node 'd': branches that run beside each other come together here, and it may run once for each; write 'join: all' if "
          "it is to wait."]),
        ("a: {kind: map, over: '[1]', each: {kind: llm, user: x, then: b}}",
         ["node 'a': what stands in a map has no way on; move 'then' and 'on_error' to the map, or use 'skip_errors'."]),
    ],
)  # fmt: skip
def test_where_a_graph_leads(nodes, findings):
    assert said(nodes) == findings


def test_a_node_cannot_be_called_end():
    assert (
        "'end' is where a branch ends, and no name for a node; give it another."
        in said("a: {kind: llm, user: x}\nend: {kind: llm, user: x}")[0]
    )


def test_a_start_that_is_no_node_is_named_with_the_nearest():
    assert said("begin: {kind: llm, user: x}", HEAD.replace("start: a", "start: [begin, begn]")) == [
        "'start' names 'begn', which is no node; did you mean 'begin'?"
    ]


def test_branches_that_cannot_both_be_taken_may_write_one_key():
    router = "a: {kind: router, then: [{to: b, when: 'true'}, c]}\nb: {kind: llm, user: x, to: k}\nc: {kind: llm, user: x, to: k}"
    assert said(router) == []
    opposite = router.replace("kind: router", "kind: llm, user: x").replace("'true'}, c", "'true'}, {to: c, when: '!true'}")
    assert said(opposite) == []
    both = opposite.replace("'!true'", "'1 < 2'")
    assert said(both) == ["warning: node 'b': it may run beside 'c', and both write the key 'k'; give one of them another 'to'."]


def test_a_loop_with_a_way_out_is_none_of_these():
    assert said("a: {kind: llm, user: x, then: b}\nb: {kind: router, then: [{to: a, when: state.a == 'again'}, end]}") == []


@pytest.mark.parametrize(
    ("nodes", "findings"),
    [
        ("a: {kind: llm, user: '{{ input.qu }}'}", ["node 'a': 'input' has no key 'qu'; did you mean 'q'?"]),
        ("a: {kind: llm, user: '{{ state.b }}'}", ["node 'a': no node writes 'state.b'; there are: a."]),
        ("a: {kind: llm, user: '{{ state.ansver }}', then: b}\nb: {kind: llm, user: x, to: answer}",
         ["node 'a': no node writes 'state.ansver'; did you mean 'answer'?"]),
        ("a: {kind: llm, user: '{{ state.b }}', then: b}\nb: {kind: llm, user: x}",
         ["node 'a': 'state.b' is not there yet: 'b' writes it, and no way leads from there to here."]),
        ("a: {kind: router, then: [{to: b, when: 'true'}, c]}\nb: {kind: llm, user: x, then: c}\nc: {kind: llm, user: '{{ state.b }}'}",
         ["warning: node 'c': 'state.b' is not written on every way that leads here; ask has(state.b) first."]),
        ("a: {kind: llm, user: '{{ state.error }}'}",
         ["node 'a': 'state.error' is written where a node with 'on_error' fails, and there is none."]),
        ("a: {kind: llm, user: '{{ item }}'}",
         ["node 'a': 'item' and 'index' are there only in the 'each' of a map; read 'state' or 'input' here."]),
        ("a: {kind: transform, value: '1 +'}", ["node 'a': `1 +`: it cannot be read from column 3 on, at `+`."]),
        ("a: {kind: llm, user: '{{ input.q'}",
         ["node 'a': A template has '{{' in its line 1 without '}}' behind it; close it, or write '{{ \"{{\" }}' for the braces."]),
        ("a: {kind: tool, tool: t, arguments: {x: [{y: '= stat.x'}]}}",
         ["node 'a': `stat.x`: there is no 'stat' at column 1; did you mean 'state'?"]),
    ],
)  # fmt: skip
def test_what_a_graph_reads(nodes, findings):
    assert said(nodes, QUESTION + HEAD) == findings


def test_what_has_been_asked_for_may_be_missing():
    nodes = "a: {kind: router, then: [{to: b, when: 'true'}, c]}\nb: {kind: llm, user: x, then: c}\n"
    assert said(nodes + "c: {kind: llm, user: '{{ has(state.b) ? state.b : 1 }}'}") == []


def test_an_input_that_may_be_missing_is_warned_of():
    optional = "input: {type: object, properties: {q: {type: string}}}\n"
    asks = "a: {kind: llm, user: '{{ input.q }}'}"
    assert said(asks, optional + HEAD) == [
        "warning: node 'a': 'input.q' may be missing; add it to 'required' of 'input', give it a 'default', or ask has(input.q)."
    ]
    assert said(asks, optional.replace("string", "string, default: x") + HEAD) == []
    assert said("a: {kind: llm, user: '{{ has(input.q) ? input.q : 1 }}'}", optional + HEAD) == []
    assert said(asks) == []


def test_the_output_is_looked_at_over_all_ways():
    head = HEAD.replace("'1'", "state.b")
    some = "a: {kind: router, then: [{to: b, when: 'true'}, c]}\nb: {kind: llm, user: x}\nc: {kind: llm, user: x"
    assert said(some + "}", head) == [
        "warning: 'state.b' is not written on every way; write has(state.b) ? state.b : null, or write it on the others."
    ]
    assert said(some + ", to: b}", head) == []
    assert said("a: {kind: llm, user: x, then: [b, c]}\nb: {kind: llm, user: x}\nc: {kind: llm, user: x}", head) == []
    assert len(said("a: {kind: llm, user: x, then: b, on_error: c}\nb: {kind: llm, user: x}\nc: {kind: llm, user: x}", head)) == 1


def test_what_a_join_brings_together_is_there():
    assert said(FORK + "d: {kind: llm, join: all, user: '{{ state.b }} {{ state.c }}'}") == []
    router = FORK.replace("llm, user: x, then: [b, c]", "router, then: [{to: b, when: 'true'}, c]")
    assert len(said(router + "d: {kind: llm, join: all, user: '{{ state.b }}'}")) == 1


def test_a_failure_leaves_its_message_where_on_error_leads():
    assert said("a: {kind: llm, user: x, on_error: b}\nb: {kind: llm, user: '{{ state.error }}'}") == []
    assert len(said("a: {kind: llm, user: x, on_error: b}\nb: {kind: llm, user: '{{ state.a }}'}")) == 1


@pytest.mark.parametrize(
    ("nodes", "findings"),
    [
        ("a: {kind: map, over: input.q, each: {kind: llm, user: x}}", ["node 'a': `input.q` is a text, and a list is needed here."]),
        ("a: {kind: retrieve, query: input.n}", ["node 'a': `input.n` is a whole number, and a text is needed here."]),
        ("a: {kind: llm, user: x, then: b}\nb: {kind: embed, texts: state.a}",
         ["node 'b': `state.a` is a text, and a list is needed here."]),
        ("a: {kind: llm, user: x, then: b}\nb: {kind: embed, texts: 'state.a.split(\",\")'}", []),
        ("a: {kind: router, then: [{to: b, when: input.n}, end]}\nb: {kind: llm, user: x}",
         ["node 'a': `input.n` is a whole number, and true or false is needed here."]),
        ("a: {kind: wait, seconds: input.q}", ["node 'a': `input.q` is a text, and a number or a whole number is needed here."]),
        ("a: {kind: audio, audio: input.q, then: b}\nb: {kind: llm, user: '{{ state.a.txt }}'}",
         ["node 'b': `state.a` has no key 'txt' in its schema; did you mean 'text'?"]),
        ("a: {kind: retrieve, query: input.q, then: b}\nb: {kind: map, over: state.a, each: {kind: llm, user: '{{ item.txt }}'}}",
         ["warning: node 'b': `item` has no key 'txt' in its schema; did you mean 'text'?"]),
        ("a: {kind: llm, user: x, then: b}\nb: {kind: llm, user: '{{ state.a.text }}'}",
         ["node 'b': `state.a` is a text and has no key 'text'."]),
        ("a: {kind: llm, user: x, output: {type: objct}}",
         ["node 'a': 'type': 'objct' is not valid under any of the given schemas."]),
        ("a: {kind: human, ask: x, answer: {properties: {b: {$ref: 'http://x'}}}}",
         ["node 'a': 'properties.b': '$ref' may only point into the schema itself ('#/$defs/...'), found 'http://x'."]),
    ],
)  # fmt: skip
def test_whether_values_fit(nodes, findings):
    assert said(nodes, QUESTION + HEAD) == findings


def test_the_state_says_what_its_keys_are():
    head = HEAD + "state: {k: {type: array, items: {type: string}}, unused: {type: string}}\n"
    assert said("a: {kind: llm, user: x, to: k}", head) == [
        "warning: no node writes the key 'unused' of the state; take it out.",
        "node 'a': it gives a text, and the state says that 'k' is a list; change one of them.",
    ]


def test_the_input_must_be_an_object():
    assert said("a: {kind: llm, user: x}", "input: {type: array}\n" + HEAD) == [
        "the input is an object; write 'type: object' and its keys below 'properties'."
    ]


@pytest.mark.parametrize(
    ("value", "findings"),
    [
        ("{task: x, of: [{any: 1}]}", []),
        ("x", ["node 'a': 'parameters' of the tool 'task_create': it must be an object, found a text."]),
    ],
)
def test_an_argument_whose_schema_refers_to_the_whole_is_checked(value, findings):
    """As those of our own tools do, which take any JSON."""
    node = f"a: {{kind: tool, tool: task_create, arguments: {{task_type: todo, parameters: {value}}}}}"
    assert said(node, QUESTION + HEAD, Known(tools={"task_create": TASK_CREATE.spec})) == findings


@pytest.mark.parametrize(
    ("arguments", "findings"),
    [
        ("{path: x}", ["node 'a': the tool 'files_write' needs the argument 'content'; add it to 'arguments'."]),
        ("{path: x, content: y, mode: z}", ["node 'a': the tool 'files_write' has no argument 'mode'; there are: content, path, replace."]),
        ("{path: x, content: 3}", ["node 'a': 'content' of the tool 'files_write': it must be a text, found a whole number."]),
        (
            "{path: x, content: '= input.n'}",
            ["node 'a': 'content' of the tool 'files_write': `input.n` is a whole number, and a text is needed."],
        ),
        ("{path: x, content: '= string(input.n)', replace: true}", []),
    ],
)
def test_arguments_of_a_tool(arguments, findings):
    assert (
        said(f"a: {{kind: tool, tool: files_write, arguments: {arguments}}}", QUESTION + HEAD, Known(tools={"files_write": WRITE}))
        == findings
    )


def test_names_of_what_does_not_exist_are_found_with_the_nearest():
    answer = parsed("a: {kind: join}").spec
    known = Known({"files_write": WRITE}, {"answer": answer}, models=["qwen3-8b"], retrieval=["default"], prompts=["polite"])
    nodes = (
        "a: {kind: llm, user: x, model: qwen3-8, tools: [files_write, files_wrte], prompt: polit@2, then: b}\n"
        "b: {kind: map, over: '[1]', each: {kind: retrieve, query: item, settings: defualt}, then: c}\n"
        "c: {kind: graph, graph: answr@2, then: d}\n"
        "d: {kind: llm, user: x, model: '{{ input.model }}', prompt: polite@3}"
    )
    assert told(nodes, known=known) == [
        "mine.yaml:5: node 'a': there is no model 'qwen3-8'; did you mean 'qwen3-8b'?",
        "mine.yaml:5: node 'a': there is no tool 'files_wrte'; did you mean 'files_write'?",
        "mine.yaml:5: node 'a': there is no prompt 'polit@2'; did you mean 'polite'?",
        "mine.yaml:6: node 'b': there is no way to search 'defualt'; did you mean 'default'?",
        "mine.yaml:7: node 'c': there is no graph 'answr@2'; did you mean 'answer'?",
    ]
    assert told(nodes) == []


def test_graphs_that_run_each_other_are_found():
    mine = parsed("a: {kind: graph, graph: other}").spec
    other = mine.model_copy(update={"name": "other", "nodes": {"x": parsed("a: {kind: graph, graph: mine@1}").spec.nodes["a"]}})
    findings = check(mine, known=Known(graphs={"mine": mine, "other": other}))
    assert [one.message for one in findings] == [
        "the graphs run each other in a circle: mine -> other -> mine; take one of these 'graph' nodes out."
    ]


def test_input_of_a_sub_graph_is_checked_against_its_schema():
    inner = parsed("a: {kind: llm, user: x}", QUESTION + HEAD.replace("mine", "inner")).spec
    nodes = "a: {kind: graph, graph: inner, input: {q: 3}, then: b}\nb: {kind: llm, user: '{{ state.a.nothing }}'}"
    assert said(nodes, known=Known(graphs={"inner": inner})) == [
        "node 'a': the graph 'inner' needs the argument 'n'; add it to 'input'.",
        "node 'a': 'q' of the graph 'inner': it must be a text, found a whole number.",
        "node 'b': `state.a` has no key 'nothing' in its schema; there are: answer.",
    ]


def test_all_errors_are_raised_in_one_message_and_warnings_given_back():
    graph = parsed("a: {kind: llm, user: x, then: b}\nb: {kind: llm, user: '{{ state.c }}', then: a}")
    with pytest.raises(BadInput) as caught:
        require(graph.spec, graph.lines)
    assert caught.value.message.splitlines() == [
        "graph 'mine':5: node 'a': a -> b -> a goes round for ever; give one of these edges a condition ('when').",
        "graph 'mine':6: node 'b': no node writes 'state.c'; there are: a, b.",
    ]
    assert caught.value.param == "nodes.a.then"
    assert [one.severity for one in require(parsed("a: {kind: llm, user: x, then: b}\nb: {kind: join}").spec)] == ["warning"]


def test_a_graph_full_of_mistakes_is_told_of_the_first_ones():
    graph = parsed("\n".join(f"n{number}: {{kind: llm, user: '{{{{ state.x{number} }}}}'}}" for number in range(60)))
    with pytest.raises(BadInput) as caught:
        require(graph.spec, graph.lines)
    assert len(caught.value.message.splitlines()) == 21
    assert "more." in caught.value.message.splitlines()[-1]


def test_a_graph_with_more_edges_than_anybody_draws_is_refused_at_once():
    everywhere = ", ".join(f"n{number}" for number in range(60))
    nodes = "\n".join(f"n{number}: {{kind: llm, user: x, then: [{everywhere}]}}" for number in range(60))
    assert said(nodes) == ["it has more than 2000 edges; put parts of it into graphs of their own."]

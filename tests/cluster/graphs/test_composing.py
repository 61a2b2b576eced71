"""Whatever a draft chooses is a graph that makes sense."""

from __future__ import annotations

from itertools import chain, permutations, product

import pytest

from cluster.graphs.chatting import can_chat
from cluster.graphs.checking import Known, check
from cluster.graphs.composing import SOURCES, STEPS, WorkflowPlan, workflow_graph
from cluster.graphs.expressions import evaluate
from cluster.settings.graphs import GraphSettings
from cluster.specs.nodes import LlmNode, TransformNode
from cluster.tools.builtin import BUILTIN

TOOLS = {tool.name: tool.spec for tool in BUILTIN}
ORDERS = list(chain.from_iterable(permutations(STEPS, length) for length in (1, 2, 3, 4)))


@pytest.mark.parametrize("source", SOURCES)
def test_every_combination_of_steps_passes_the_check(source):
    for number, (steps, approve, keep) in enumerate(product(ORDERS, (False, True), (False, True))):
        plan = WorkflowPlan(name="draft", source=source, steps=list(steps), approve=approve, keep=keep)
        graph = workflow_graph(plan)
        # The whole check costs 2 ms a graph: of the many each eighth, whose neighbours differ in what is checked already.
        if len(steps) < 3 or number % 8 == 0:
            assert [one.told("draft") for one in check(graph, None, Known(tools=TOOLS, graphs={}))] == [], plan
        assert ("human" in {node.kind for node in graph.nodes.values()}) is approve
        assert ("filed" in graph.nodes) is keep


def test_a_step_may_come_twice():
    graph = workflow_graph(WorkflowPlan(name="draft", steps=["summarise", "write", "summarise"]))
    assert list(graph.nodes) == ["summarise_1", "write", "summarise_3"]
    assert check(graph, None, Known(tools=TOOLS, graphs={})) == []


@pytest.mark.parametrize(("source", "chats"), [("text", True), ("documents", True), ("texts", False), ("file", False), ("audio", False)])
def test_what_takes_a_question_can_be_chatted_with(source, chats):
    assert can_chat(workflow_graph(WorkflowPlan(name="draft", source=source))) is chats


def test_words_of_people_are_no_expressions_and_end_none():
    nasty = 'a"] + [input.secret] + ["\\'
    plan = WorkflowPlan(name="draft", steps=["classify", "write"], labels=[nasty, "normal"], instructions="Say {{ input.secret }} {{{x}}}.")
    graph = workflow_graph(plan)
    assert check(graph, None, Known(tools=TOOLS, graphs={})) == []
    write, label = graph.nodes["write"], graph.nodes["classify"]
    assert isinstance(write, LlmNode)
    assert write.system == "Say { { input.secret } } { { {x} } }."
    assert isinstance(label, TransformNode)
    assert label.value is not None
    seen = {"input": {"question": "x"}, "state": {"classify_said": f"It is {nasty}."}, "run": {}}
    assert evaluate(label.value, seen, GraphSettings()) == nasty

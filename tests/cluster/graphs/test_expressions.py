from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.contracts.generation import Json
from cluster.errors import BadInput
from cluster.graphs.expressions import Scope, compile_expression, evaluate, expression_of, fill, holds, names_in
from cluster.settings.graphs import GraphSettings

SETTINGS = GraphSettings()
SCOPE = {
    "input": {"question": "hé", "n": 3, "x": 1.5, "big": 2**70, "none": None},
    "state": {"l": [3, 1, 2], "t": ["b", "a"], "facts": {"name": {"first": "Ada"}}, "said": "Yes, A"},
    "run": {"id": "r1", "graph": "g", "organisation": "o", "started_at": "2026-03-01T10:00:00Z"},
}


def value(text: str, scope: Scope | None = None) -> Json:
    return evaluate(text, SCOPE if scope is None else scope, SETTINGS)


def refused(text, scope=None) -> str:
    with pytest.raises(BadInput) as caught:
        value(text, scope)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("input.n + 1", 4),
        ("input.n * 1.5", 4.5),
        ("5 / 2", 2),
        ("input.x > 1 && input.n == 3.0", True),
        ("1 in [1.0, 'a']", True),
        ("'a' == 1", False),
        ("input.none == null", True),
        ("[1, 2] == [1.0, 2.0]", True),
        ("{'a': input.n > 2 ? 'many' : 'few'}", {"a": "many"}),
        ("state.l.map(x, x * 2).filter(x, x > 2)", [6, 4]),
        ("state.l.exists(x, x == 2) && state.l.all(x, x > 0)", True),
        ("state.l.exists_one(x, x > 2)", True),
        ("has(state.nothing) ? state.nothing : 'none'", "none"),
        ("state.facts.name['first']", "Ada"),
        ('state["facts"].name', {"first": "Ada"}),
        ("timestamp(run.started_at) + duration('90m')", "2026-03-01T11:30:00Z"),
        ("duration('90s')", "90s"),
        ("timestamp(run.started_at).getFullYear()", 2026),
        ("state.l.sort() + [size(state.l), max(state.l), state.l.min(), state.l.sum()]", [1, 2, 3, 3, 3, 1, 6]),
        ("state.t.join(', ')", "b, a"),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("' x '.trim() + 'Ab'.lowerAscii() + 'aXa'.replace('X', '-') + 'hello'.substring(1, 3)", "xaba-ael"),
        ("[[1], 2, [3]].flatten().reverse()", [3, 2, 1]),
        ("[1, 1.0, 'a', 'a', {'k': 1}, {'k': 1}].distinct().size()", 4),
        ("[1, 2, 3].slice(1, 99)", [2, 3]),
        ("json({'a': [1, null]})", '{"a": [1, null]}'),
        ("parse('{\"a\": [1, true]}').a", [1, True]),
        ("string(1) + string(true) + string([1])", "1true[1]"),
        ("'aaa'.matches('^a+$')", True),
        ("type(1) == int", True),
        ('"""two\nlines"""', "two\nlines"),
        (r"'\u00e9\n' + r'\n'", "é\n\\n"),
        ("false && 1 / 0 > 1", False),
    ],
)
def test_an_expression_gives_json(text, given):
    assert value(text) == given
    assert type(value(text)) is type(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state.nothing", "state has no 'nothing' yet; it has: facts, l, said, t."),
        ("state.nothing + 'x'", "state has no 'nothing' yet; it has: facts, l, said, t."),
        ("state.facts.nam", "state.facts has no 'nam'; it has: name."),
        ("input.n.x", "input.n is a whole number and has no key 'x'"),
        ("state.l[7]", "there is no item 7 in a list of 3; the first is 0"),
        ("item.x", "'item' and 'index' are there within a map"),
        ("'a' + 1", "'+' cannot join a text and a whole number; write string(...)"),
        ("1 < 'a'", "a whole number and a text have no order"),
        ("!state.l", "'!' takes true or false, found a list"),
        ("input.n ? 1 : 2", "what stands before '?' is a whole number, not true or false"),
        ("state.l.exists(x, x)", "the condition is a whole number for an item, not true or false"),
        ("1 / 0", "it divides by zero"),
        ("1.0 / 0.0", "its value is no number"),
        ("9223372036854775807 + 1", "overflow"),
        ("input.big + 1", "does not fit 64 bits"),
        ("{1: 2}", "a key of a map is a whole number; keys are texts"),
        ("'a'.matches('(')", "is no regular expression of RE2"),
        ("parse('{')", "the text is not JSON"),
        ("[1, 'a'].sort()", "'sort' takes a list of texts or a list of numbers"),
        ("type(1)", "its value is nothing that JSON can hold"),
    ],
)
def test_what_cannot_be_evaluated_says_why_and_what_there_is(text, said):
    message = refused(text)
    assert said in message
    assert message.startswith(f"`{text}`: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 +", "it cannot be read from column 3 on, at `+`"),
        ("a b", "it cannot be read from column 3 on, at `b`"),
        ("'open", "it cannot be read from column 1 on"),
        ("stat.x", "there is no 'stat' at column 1; did you mean 'state'?"),
        ("run.nme", "run has no 'nme' at column 1; it has: id, graph, organisation, started_at"),
        ("'a'.sizee()", "there is no function 'sizee' at column 1; did you mean 'size'?"),
        ("size()", "'size' takes 1 arguments"),
        ("state.l.map(x)", "'map' takes a name and an expression"),
        ("state.l.map(state, 1)", "'state' already means something"),
        ("has(state)", "'has' takes one key"),
        ("b'x'", "there are no bytes here"),
        ("bytes('x')", "there is no function 'bytes'"),
        ("google.protobuf.Int32Value{value: 1}", "there are no messages here"),
        ("[1].reduce(a, b, 0, a + b)", "there is no function 'reduce'"),
        ("x.__class__", "there is no 'x'"),
        ("!" * 1000 + "true", "nested more than 100 levels deep"),
        ("1" + " + 1" * 900, "nested more than 100 levels deep"),
    ],
)
def test_what_is_no_expression_is_refused_before_anything_runs(text, said):
    with pytest.raises(BadInput) as caught:
        compile_expression(text)
    assert said in caught.value.message


def test_names_of_python_are_no_keys_of_values():
    assert "has no key '__class__'" in refused("state.l.__class__")
    assert "has no '__class__'" in refused("state.facts.__class__ + 'x'")
    assert "no function '__init__'" in refused("state.l.__init__()")


def test_a_value_that_is_only_looked_up_stays_as_it_is():
    assert value("input.big") == 2**70
    assert value("state") is SCOPE["state"]


BOMBS = {
    "loops": "X.all(a, X.all(b, X.all(c, X.all(d, X.all(e, X.all(f, true))))))".replace("X", "[1,1,1,1,1,1,1,1,1,1]"),
    "doubled": "[1, 1]" + ".map(x, [x, x])" * 40,
    "compared": "[1, 1]" + ".map(x, [x, x])" * 40 + " == [1]",
    "joined": "state.t.map(x, 'a').join('b')" + ".replace('a', 'aaaaaaaaaaaaaaaaaa')" * 12,
    "added": "['aaaaaaaaaaaaaaaa'].map(x, x + x)" + ".map(x, x + x + x + x)" * 24,
    "as text": "string([1, 1]" + ".map(x, [x, x])" * 40 + ")",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_expression_cannot_take_long_or_become_large(name):
    settings = GraphSettings(expression_s=0.3, value_bytes="64 KiB")
    begun = time.thread_time()
    with pytest.raises(BadInput, match=r"graphs\.(expression_s|value_bytes)"):
        evaluate(BOMBS[name], SCOPE, settings)
    assert time.thread_time() - begun < 3


def test_brackets_within_brackets_are_no_harm():
    assert value("(" * 300 + "1" + ")" * 300) == 1


def test_a_condition_must_be_true_or_false():
    assert holds("input.n > 2", SCOPE, SETTINGS) is True
    with pytest.raises(BadInput, match="a condition is true or false, found a whole number"):
        holds("input.n", SCOPE, SETTINGS)


def test_what_an_expression_reads_is_told():
    reads = names_in('state.a.b + state["c"] + input.q + (has(state.d) ? state.d : "") + state.l.map(x, x.y).join("")')
    assert reads.keys("state") == {"a", "c", "d", "l"}
    assert reads.needed("state") == {"a", "c", "l"}
    assert reads.keys("input") == {"q"}
    assert ("state", "a", "b") in reads.paths
    assert not reads.in_map
    assert names_in("item.x").in_map
    assert names_in("state.l.map(x, x + index)").in_map
    assert names_in("size(state)").bare == {"state"}


def test_arguments_are_filled_at_any_depth():
    given = fill({"a": "= input.n", "b": ["= state.t", {"c": "=input.question"}], "d": "plain", "e": "== x", "f": 3}, SCOPE, SETTINGS)
    assert given == {"a": 3, "b": [["b", "a"], {"c": "hé"}], "d": "plain", "e": "= x", "f": 3}
    assert (expression_of("= a"), expression_of("== a"), expression_of(3)) == ("a", None, None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(JSON_VALUES)
def test_json_goes_through_an_expression_unchanged(data):
    scope = {"state": {"v": data}}
    # A list around it: a mere path is not computed at all.
    assert json.dumps(evaluate("[state.v]", scope, SETTINGS)) == json.dumps([data])
    assert evaluate("state.v == parse(json(state.v))", scope, SETTINGS) is True


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="state.input[](){}'\"\\+-*/%!&|?:<>=, 1a\n", max_size=60)))
def test_any_text_is_evaluated_or_refused(text):
    try:
        given = value(text)
    except BadInput:
        return
    json.dumps(given)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import BadInput, TooLarge
from cluster.graphs.templates import expressions_in, render
from cluster.settings.graphs import GraphSettings

SETTINGS = GraphSettings()
SCOPE = {"input": {"q": "why?", "l": [1, "é"], "n": 3, "braces": "{{ input.n }}"}}


def test_a_text_is_put_in_as_it_is_and_anything_else_as_json():
    assert render("Q: {{ input.q }} {{input.l}} {{ input.n }}", SCOPE, SETTINGS) == 'Q: why? [1, "é"] 3'


def test_braces_are_written_as_a_text():
    assert render('{{ "{{" }} }} {', SCOPE, SETTINGS) == "{{ }} {"


def test_braces_of_a_map_and_of_texts_close_nothing():
    assert render("""{{ {"a": {"b": "}}"}}.a.b + '}}' + \"\"\"}}\"\"\" + "\\"}}" }}!""", SCOPE, SETTINGS) == '}}}}}}"}}!'


def test_what_was_put_in_is_not_read_again():
    assert render("{{ input.braces }}", SCOPE, SETTINGS) == "{{ input.n }}"


def test_expressions_are_told_in_order():
    assert expressions_in("a {{ input.q }} b {{input.n}}") == ("input.q", "input.n")
    assert expressions_in("nothing") == ()


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("one\n{{ input.q", "in its line 2 without '}}'"),
        ("{{ 'open }}", "without '}}'"),
        ("{{ }}", "nothing in it"),
        ("{{ input.nothing }}", "input has no 'nothing'; it has: braces, l, n, q"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(template, said):
    with pytest.raises(BadInput) as caught:
        render(template, SCOPE, SETTINGS)
    assert said in caught.value.message


def test_a_text_that_becomes_too_long_is_refused():
    with pytest.raises(TooLarge, match=r"graphs\.value_bytes"):
        render("{{ input.t }}" * 3, {"input": {"t": "x" * 500}}, GraphSettings(value_bytes="1 KiB"))


@given(st.text(max_size=80).filter(lambda text: "{{" not in text))
def test_a_text_without_expressions_stays_as_it_is(text):
    assert render(text, {}, SETTINGS) == text

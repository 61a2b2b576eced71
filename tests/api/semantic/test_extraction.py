"""What a model says of a text is taken only as far as the text says it."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.semantic.extraction import Findings, Wanted, day_of, form, located, take

TEXT = "Ada Lovelace worked with Charles\nBabbage from 1833 until 1843. Mira feeds goats."


def entity(name: str, kind: str = "person", confidence: str = "certain") -> dict[str, str]:
    return {"name": name, "type": kind, "confidence": confidence}


def relation(quote: str, subject: str = "Ada Lovelace", other: str = "Charles Babbage", **fields: object) -> dict[str, object]:
    return {
        "quote": quote,
        "subject": subject,
        "relation": "worked with",
        "object": other,
        "held_from": "",
        "held_until": "",
        "confidence": "certain",
    } | fields


def read(answer: object, wanted: Wanted | None = None, text: str = TEXT) -> Findings:
    findings = Findings()
    take(answer, text, 0, len(text), wanted or Wanted(), findings)  # type: ignore[arg-type]
    return findings


BOTH = [entity("Ada Lovelace"), entity("charles  babbage")]


def test_a_fact_has_the_span_that_states_it_and_when_it_held():
    quote = "Ada Lovelace worked with Charles Babbage from 1833 until 1843."
    found = read({"entities": BOTH, "relations": [relation(quote, held_from="1833", held_until="1843-02")]})
    (fact,) = found.relations.values()
    assert (fact.start, fact.end) == (0, 62)
    assert fact.quote == TEXT[:62]
    assert (fact.held_from, fact.held_until) == (date(1833, 1, 1), date(1843, 2, 28))
    assert (fact.subject.name, fact.object.name) == ("Ada Lovelace", "Charles\nBabbage")
    assert fact.confidence == 0.95


def test_a_fact_whose_quote_is_not_in_the_text_is_dropped_and_counted():
    found = read({"entities": BOTH, "relations": [relation("Ada Lovelace married Charles Babbage."), relation("Ada Lovelace worked with")]})
    assert len(found.relations) == 1
    assert found.dropped == {"quote not in the text": 1}


def test_an_entity_that_the_text_does_not_name_is_dropped_with_what_is_said_of_it():
    found = read({"entities": [*BOTH, entity("Lord Byron")], "relations": [relation("Mira feeds goats", subject="Lord Byron")]})
    assert [one.name for one in found.entities.values()] == ["Ada Lovelace", "Charles\nBabbage"]
    assert found.dropped == {"entity not in the text": 1, "names no entity that was found": 1}


def test_a_quote_that_does_not_name_both_sides_is_weaker_evidence():
    quotes = ["Ada Lovelace worked with Charles Babbage", "Ada Lovelace worked with", "from 1833"]
    found = read({"entities": BOTH, "relations": [relation(quote) for quote in quotes[1:]]})
    strong = read({"entities": BOTH, "relations": [relation(quotes[0])]})
    weaker = [fact.confidence for fact in found.relations.values()]
    assert next(iter(strong.relations.values())).confidence > weaker[0] > weaker[1]


def test_types_that_were_not_asked_for_are_dropped():
    wanted = Wanted(("person",), ("married",))
    found = read({"entities": [*BOTH, entity("goats", "animal")], "relations": [relation("Ada Lovelace worked with")]}, wanted)
    assert found.dropped == {"unknown type": 1, "unknown relation": 1}


def test_the_form_holds_types_to_those_given_and_takes_a_schema_of_the_callers():
    shape: Any = form(Wanted(("person",), ("married",), {"type": "object", "properties": {"where": {"type": "string"}}}), 7)
    entities, relations = shape["properties"]["entities"], shape["properties"]["relations"]
    assert (entities["maxItems"], entities["items"]["properties"]["type"]["enum"]) == (7, ["person"])
    assert relations["items"]["properties"]["relation"]["enum"] == ["married"]
    assert "attributes" in relations["items"]["required"]


def test_a_date_that_is_none_or_whose_year_the_text_does_not_say_is_left_out():
    assert day_of("1833", TEXT, last=True) == date(1833, 12, 31)
    for said in ("1999", "soon", "1833-13", "1833-02-30", "0000", None, 1833):
        assert day_of(said, TEXT, last=False) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["entities", "relations", "name", "quote", "type", "subject"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_answer_is_taken_or_left(answer):
    found = read(answer)
    assert all(TEXT[one.start : one.end] == one.name for one in found.entities.values())


@given(st.text(st.sampled_from("ab (.*\n"), max_size=30), st.text(st.sampled_from("ab (.*\n"), min_size=1, max_size=6))
def test_what_is_located_is_there_but_for_blanks_and_case(text, words):
    span = located(words, text, 0, len(text))
    if words in text:
        assert span is not None
    if span is not None:
        assert text[slice(*span)].split() == words.split() or text[slice(*span)] == words

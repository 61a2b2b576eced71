from __future__ import annotations

import time

import pytest

from cluster.errors import BadInput
from cluster.json_schema import check_schema, check_value, mistake, unmet

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["new", "old"]}},
        "boss": {"$ref": "#"},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def refused(schema) -> str:
    with pytest.raises(BadInput) as caught:
        check_schema(schema)
    return caught.value.message


def test_a_value_that_fits_passes():
    check_schema(PERSON)
    check_value({"name": "Ada", "age": 3, "tags": ["new"], "boss": {"name": "Eve"}}, PERSON)
    assert mistake({"name": "Ada"}, PERSON) is None


@pytest.mark.parametrize(
    ("value", "where", "said"),
    [
        ({}, None, "key 'name' is missing."),
        ({"name": 3}, "name", "'name': it must be a text, found a whole number."),
        ({"name": "Ada", "age": "3"}, "age", "'age': it must be a whole number, found a text."),
        ({"name": "Ada", "age": -1}, "age", "'age': -1 is less than the minimum of 0."),
        ({"name": "Ada", "tags": ["new", "odd"]}, "tags.1", """'tags.1': it must be one of "new", "old", found "odd"."""),
        ({"name": "Ada", "boss": {"age": 1}}, "boss", "'boss': key 'name' is missing."),
        ({"name": "Ada", "nmae": 1}, None, "unknown key 'nmae'; there are name, age, tags, boss."),
        ({"name": "ada"}, "name", "'name': 'ada' does not match the pattern '^[A-Z]'."),
        ([], None, "it must be an object, found a list."),
    ],
)
def test_the_first_mistake_is_one_sentence_that_names_its_place(value, where, said):
    with pytest.raises(BadInput) as caught:
        check_value(value, PERSON)
    assert (caught.value.message, caught.value.param) == (said, where)


def test_a_place_stands_behind_what_it_is_in():
    with pytest.raises(BadInput, match=r"'input\.age': it must be") as caught:
        check_value({"name": "Ada", "age": None}, PERSON, what="input")
    assert caught.value.param == "input.age"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (["no"], "A JSON Schema is an object"),
        ({"type": "strng"}, "'type': 'strng' is not valid"),
        ({"properties": {"a": {"$ref": "https://example.com/x.json"}}}, r"'properties.a': '$ref' may only point into the schema itself"),
        ({"properties": {"a": {"$ref": "#/$defs/no"}}}, "'$ref' points to '#/$defs/no', which is not there"),
        ({"pattern": "(?=a)b"}, "is no regular expression of RE2"),
        ({"pattern": "a" * 2000}, "a pattern has 2000 characters"),
        ({"patternProperties": {"(": {}}}, "is no regular expression of RE2"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "'$schema' is"),
        ({"unevaluatedProperties": False}, "write 'additionalProperties'"),
        ({"minimum": "3"}, "'minimum': '3' is not of type 'number'"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_its_place(schema, said):
    assert said in refused(schema)


def test_a_property_may_be_called_as_a_keyword_is():
    schema = {"type": "object", "properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}, "enum": {"type": "integer"}}}
    check_schema(schema)
    check_value({"$ref": "anywhere", "pattern": "(", "enum": 3}, schema)


def test_a_schema_that_is_nested_too_deeply_is_refused():
    schema: dict[str, object] = {}
    for _ in range(100):
        schema = {"items": schema}
    assert "nested more than 32 levels deep" in refused(schema)


def test_a_schema_that_refers_to_itself_for_ever_is_said_to():
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    with pytest.raises(BadInput, match="refers to itself without an end"):
        check_value(1, schema)


def test_a_pattern_that_would_backtrack_for_ever_does_not():
    schema = {"pattern": "^(a+)+$", "patternProperties": {"^(b+)+$": {}}}
    check_schema(schema)
    begun = time.process_time()
    with pytest.raises(BadInput, match="does not match"):
        check_value("a" * 5000 + "!", schema)
    check_value({"b" * 5000 + "!": 1}, {**schema, "additionalProperties": True})
    assert time.process_time() - begun < 2


def test_a_schema_that_doubles_with_every_reference_is_given_up():
    doubling = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**doubling, "a40": {"type": "string"}}}
    check_schema(schema)
    with pytest.raises(BadInput, match="too often"):
        check_value("text", schema)


def test_what_a_schema_wants_is_said_without_the_value():
    schema = {"type": "object", "properties": {"name": {"enum": ["a", "b"]}, "note": {"pattern": "^x"}}, "additionalProperties": False}
    assert unmet({"name": "a", "note": "xyz"}, schema) is None
    assert unmet({"name": "Erika"}, schema) == ("name", '\'enum\' of its schema wants ["a", "b"].')
    assert unmet({"note": "Erika"}, schema) == ("note", "'pattern' of its schema wants \"^x\".")
    assert unmet({"Erika": 1}, schema) == ("", "'additionalProperties' of its schema wants false.")
    assert unmet(1, {"not": {}}) == ("", "'not' of its schema wants {}.")
    assert unmet({"a": 1}, {"properties": {"a": False}}) == ("", "its schema allows no value where there is one.")

"""JSON Schema (Draft 2020-12), in one place: whether a schema may be used, and whether a value fits it.

A schema comes from people and from other servers. It may refer only to parts of itself, its patterns are bounded and searched by RE2 (whose
time grows with the text alone), and of a value that does not fit the first mistake is said in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from cluster.errors import BadInput

DEPTH = 32
PATTERN_CHARS = 1000
SHOWN = 120
ENDLESS = "it cannot be checked: the schema refers to itself without an end, or too often."
# What one value may need; a schema of a few lines can refer to itself exponentially often.
MOST_REFERENCES = 20_000
# Keywords whose value is data and not a schema.
DATA = frozenset({"const", "default", "enum", "example", "examples"})
DIALECTS = frozenset({"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"})


def check_schema(schema: object) -> None:
    """Raises BadInput saying what is wrong with ``schema``, and where (``about`` is its place in the schema, such as ``properties.a``)."""
    if not isinstance(schema, Mapping):
        raise BadInput(f"A JSON Schema is an object, such as {{'type': 'string'}}; found {type(schema).__name__}.")
    for place, one in _schemas(schema, (), 0):
        _need_usable(one, place)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = _joined(error.absolute_path)
        raise BadInput(f"{_at(where)}{_cut(error.message)}.").about(where or None) from None
    _need_targets(schema)


def check_value(value: Any, schema: Mapping[str, Any], *, what: str = "") -> None:
    """Raises BadInput with the first mistake of ``value``; ``about`` is its place, such as ``items.0.name``, behind ``what`` if given."""
    error = mistake(value, schema)
    if error is not None:
        where = ".".join(part for part in (what, error[0]) if part)
        raise BadInput(f"{_at(where)}{error[1]}").about(where or None)


def mistake(value: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """Place and sentence of the first mistake of ``value``, None where it fits. ``schema`` has passed ``check_schema``."""
    try:
        found = _first(value, schema)
    except (Unresolvable, RecursionError, _Endless):
        return "", ENDLESS
    return None if found is None else (_joined(found.absolute_path), _sentence(found))


def unmet(value: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """As ``mistake``, but of ``value`` the sentence repeats nothing: it says what the schema wants."""
    try:
        found = _first(value, schema)
    except (Unresolvable, RecursionError, _Endless):
        return "", ENDLESS
    if found is None:
        return None
    wanted = _cut(json.dumps(found.validator_value, ensure_ascii=False))
    # A schema that is `false` has no keyword, and the library knows no place.
    said = (
        "its schema allows no value where there is one."
        if found.validator is None
        else f"'{found.validator}' of its schema wants {wanted}."
    )
    return _joined(found.absolute_path), said


def _first(value: Any, schema: Mapping[str, Any]) -> ValidationError | None:
    left = _LEFT.set([MOST_REFERENCES])
    try:
        found: ValidationError | None = best_match(_validator(json.dumps(schema)).iter_errors(value))
        return found
    finally:
        _LEFT.reset(left)


def with_defaults(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` with the ``default`` of each property of ``schema`` that it lacks. Only of the first level."""
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, Mapping) else ()
    defaults = {key: inner["default"] for key, inner in named if isinstance(inner, Mapping) and "default" in inner}
    return {**defaults, **value}


def _schemas(schema: Mapping[str, Any], place: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if depth > DEPTH:
        raise BadInput(f"{_at(_joined(place[:4]) + '...')}the schema is nested more than {DEPTH} levels deep.")
    yield place, schema
    for key, value in schema.items():
        if key in DATA:
            continue
        inner = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, Mapping) else ()
        if isinstance(value, Mapping) and key not in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            yield from _schemas(value, (*place, key), depth + 1)
            continue
        for name, one in inner:
            if isinstance(one, Mapping):
                yield from _schemas(one, (*place, key, str(name)), depth + 1)


def _need_usable(schema: Mapping[str, Any], place: tuple[str, ...]) -> None:
    where = _joined(place)
    for key in ("$ref", "$dynamicRef"):
        target = schema.get(key)
        if isinstance(target, str) and not target.startswith("#"):
            raise BadInput(f"{_at(where)}'{key}' may only point into the schema itself ('#/$defs/...'), found {_cut(repr(target))}.").about(
                where
            )
    dialect = schema.get("$schema")
    if isinstance(dialect, str) and dialect not in DIALECTS:
        raise BadInput(f"{_at(where)}'$schema' is {_cut(dialect)}; schemas are of draft 2020-12, leave the key out.").about(where)
    patterns = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    inner = schema.get("patternProperties")
    for pattern in [*patterns, *(inner if isinstance(inner, Mapping) else ())]:
        _need_pattern(pattern, where)
    if "unevaluatedProperties" in schema:
        raise BadInput(f"{_at(where)}'unevaluatedProperties' is not supported; write 'additionalProperties'.").about(where)


def _need_pattern(pattern: str, where: str) -> None:
    if len(pattern) > PATTERN_CHARS:
        raise BadInput(f"{_at(where)}a pattern has {len(pattern)} characters; {PATTERN_CHARS} are allowed.").about(where)
    try:
        re2.compile(pattern)
    except re2.error:
        said = "is no regular expression of RE2 (which has no look-around and no references to groups)"
        raise BadInput(f"{_at(where)}the pattern {_cut(repr(pattern))} {said}.").about(where) from None


def _need_targets(schema: Mapping[str, Any]) -> None:
    """Every ``$ref`` must lead somewhere; a schema that is checked only when a value comes would fail then."""
    resolver = Registry().with_resource("", _resource(schema)).resolver()
    for place, one in _schemas(schema, (), 0):
        target = one.get("$ref")
        if isinstance(target, str):
            try:
                resolver.lookup(target)
            except Unresolvable:
                where = _joined(place)
                raise BadInput(f"{_at(where)}'$ref' points to {_cut(repr(target))}, which is not there.").about(where) from None


def _resource(schema: Mapping[str, Any]) -> Any:
    return DRAFT202012.create_resource(schema)


@lru_cache(maxsize=512)
def _validator(text: str) -> Any:
    # An empty registry: what is not in the schema is nowhere, and nothing is fetched.
    return _Validator(json.loads(text), registry=Registry())


class _Endless(Exception):
    """More references were followed than one value may need."""


# How many more references the value that is being checked may follow.
_LEFT: ContextVar[list[int]] = ContextVar("left")


def _counted(keyword: str) -> Any:
    follow = Draft202012Validator.VALIDATORS[keyword]

    def counted(validator: Any, target: str, value: Any, schema: Any) -> Iterator[ValidationError]:
        left = _LEFT.get()
        left[0] -= 1
        if left[0] < 0:
            raise _Endless
        yield from follow(validator, target, value, schema) or ()

    return counted


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and re2.search(pattern, value) is None:
        yield ValidationError(f"{_cut(repr(value))} does not match the pattern {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, inner in patterns.items():
            for key, item in value.items():
                if re2.search(pattern, key) is not None:
                    yield from validator.descend(item, inner, path=key, schema_path=pattern)


def _additional(validator: Any, rest: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for key in _unnamed(value, schema):
        if rest is False:
            yield ValidationError(f"unknown key '{_cut(key)}'; there are {_cut(', '.join(schema.get('properties', {}))) or 'none'}")
        else:
            yield from validator.descend(value[key], rest, path=key)


def _unnamed(value: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [key for key in value if key not in known and not any(re2.search(pattern, key) for pattern in patterns)]


# The library searches with `re`, which can take for ever.
_extend: Any = extend
_Validator = _extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional,
        "$ref": _counted("$ref"),
        "$dynamicRef": _counted("$dynamicRef"),
    },
)


def _sentence(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    if error.validator == "required" and isinstance(error.instance, dict):
        lacking = [key for key in wanted if key not in error.instance]
        return f"key '{lacking[0]}' is missing."
    if error.validator == "type":
        return f"it must be {_types(wanted)}, found {_kind(error.instance)}."
    if error.validator == "enum":
        choices = ", ".join(json.dumps(one) for one in wanted)
        return f"it must be one of {_cut(choices)}, found {_cut(json.dumps(error.instance))}."
    return f"{_cut(error.message.replace(repr(error.instance), _cut(repr(error.instance), 60)), 300)}."


NAMES = {"object": "an object", "array": "a list", "string": "a text", "integer": "a whole number", "number": "a number", "null": "null"}


def _types(wanted: str | list[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(NAMES.get(name, "true or false") for name in names)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    for kind, name in ((dict, "object"), (list, "array"), (str, "string"), (int, "integer")):
        if isinstance(value, kind):
            return NAMES[name]
    return NAMES["number"]


def _joined(path: Any) -> str:
    return ".".join(str(part) for part in path)


def _at(where: str) -> str:
    return f"'{where}': " if where else ""


def _cut(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else text[:most] + "..."

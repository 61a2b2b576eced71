"""Text with ``{{ expression }}`` in it: a text is put in as it is, anything else as JSON. A literal ``{{`` is written ``{{ "{{" }}``;
``}}`` means something only behind an open ``{{``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from cluster.contracts.generation import Json
from cluster.errors import BadInput, TooLarge
from cluster.graphs.expressions import Scope, evaluate
from cluster.settings.graphs import GraphSettings

OPEN, CLOSE = "{{", "}}"


def render(template: str, scope: Scope, settings: GraphSettings) -> str:
    """Raises BadInput as ``evaluate`` does, TooLarge over ``graphs.value_bytes``."""
    pieces, size = [], 0
    for text, is_expression in parts(template):
        pieces.append(as_text(evaluate(text, scope, settings)) if is_expression else text)
        size += len(pieces[-1])
        if size > settings.value_bytes:
            raise TooLarge(
                f"A template becomes longer than {int(settings.value_bytes)} characters; put less into it, or raise graphs.value_bytes."
            )
    return "".join(pieces)


def as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def expressions_in(template: str) -> tuple[str, ...]:
    """Raises BadInput where a ``{{`` is not closed."""
    return tuple(text for text, is_expression in parts(template) if is_expression)


@lru_cache(maxsize=1024)
def parts(template: str) -> tuple[tuple[str, bool], ...]:
    """The template in order: texts, and expressions (True)."""
    return tuple(_parts(template))


def _parts(template: str) -> Iterator[tuple[str, bool]]:
    place = 0
    while (begin := template.find(OPEN, place)) >= 0:
        if begin > place:
            yield template[place:begin], False
        end = _end(template, begin + len(OPEN))
        expression = template[begin + len(OPEN) : end].strip()
        if not expression:
            raise BadInput("A template has '{{ }}' with nothing in it; write an expression there, or '{{ \"{{\" }}' for the braces.")
        yield expression, True
        place = end + len(CLOSE)
    if place < len(template):
        yield template[place:], False


def _end(template: str, begin: int) -> int:
    """Where the ``}}`` stands that closes: not one within quotation marks, nor of a map."""
    depth, place = 0, begin
    while place < len(template):
        letter = template[place]
        if letter in "\"'":
            place = _behind_quotes(template, place)
            continue
        if depth == 0 and template.startswith(CLOSE, place):
            return place
        depth += (letter == "{") - (letter == "}")
        place += 1
    line = template.count("\n", 0, begin) + 1
    raise BadInput(
        f"A template has '{{{{' in its line {line} without '}}}}' behind it; close it, or write '{{{{ \"{{{{\" }}}}' for the braces."
    )


def _behind_quotes(template: str, place: int) -> int:
    mark = template[place]
    quotes = mark * 3 if template.startswith(mark * 3, place) else mark
    place += len(quotes)
    while place < len(template) and not template.startswith(quotes, place):
        place += 2 if template[place] == "\\" else 1
    return place + len(quotes)

"""Does a value have the shape that a JSON Schema wants?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from cluster.contracts.generation import Json
from cluster.errors import ConfigError
from cluster.guard.pii import find, mask
from cluster.guard.refused import Refused

# What a message shows of what a schema wants.
WANTED_CHARS = 200


def check_shape(value: Json, schema: Mapping[str, Any]) -> None:
    """Raises Refused for a value that does not fit: where, and what was wanted, nothing of the value. ConfigError: it is no schema, or
    it refers to another one, which is not fetched."""
    kind = validators.validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        error = best_match(kind(schema, registry=Registry()).iter_errors(value))
    except SchemaError as wrong:
        raise ConfigError(f"The schema of the guard is no JSON Schema: {wrong.message}") from None
    except Unresolvable as missing:
        raise ConfigError(f"The schema of the guard refers to '{missing}', which is not in it; copy it into the schema.") from None
    if error is not None:
        raise Refused(f"The value does not fit the guard's schema{_place(error)}: {_wanted(error)}.")


def _place(error: ValidationError) -> str:
    path = place(error.absolute_path)
    return f" at '{path}'" if path else ""


def place(path: Any) -> str:
    """As ``items[0].name``. Keys may be personal data themselves, and are masked."""
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return mask(parts, find(parts))[:WANTED_CHARS]


def _wanted(error: ValidationError) -> str:
    """Of the schema, which is its author's, never of the value."""
    wanted = json.dumps(error.validator_value, ensure_ascii=False)
    shown = wanted if len(wanted) <= WANTED_CHARS else wanted[:WANTED_CHARS] + "…"
    return f"'{error.validator}' wants {shown}"

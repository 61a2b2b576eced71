"""Does a value have the shape that a JSON Schema wants?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cluster.contracts.generation import Json
from cluster.guard.refused import Refused
from cluster.guard.values import shown_path
from cluster.json_schema import check_schema, unmet


def check_shape(value: Json, schema: Mapping[str, Any]) -> None:
    """Raises Refused for a value that does not fit: where, and what was wanted, nothing of the value. BadInput: it is no schema that may
    be used."""
    _check_once(json.dumps(schema))
    wrong = unmet(value, schema)
    if wrong is not None:
        place, wanted = wrong
        shown = shown_path((place,))
        raise Refused(f"The value{f' at {shown!r}' if shown else ''} does not fit the guard's schema: {wanted}")


@lru_cache(maxsize=512)
def _check_once(schema: str) -> None:
    check_schema(json.loads(schema))

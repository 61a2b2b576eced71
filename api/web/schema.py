"""Base of every HTTP shape, and the text type they share."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue


class Body(BaseModel):
    """Base of request bodies: nothing is converted ("5" is not 5, true is not 1), unknown fields and infinite numbers are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class FormBody(BaseModel):
    """Base of forms and query strings, where every value arrives as text and is converted."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _finite(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    stack: list[JsonValue] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("holds a number that is too large")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return value


# Any JSON object, with numbers that are numbers.
FreeObject = Annotated[dict[str, JsonValue], AfterValidator(_finite)]
ModelId = Annotated[str, Field(min_length=1, max_length=200)]

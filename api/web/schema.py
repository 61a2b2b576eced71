"""Base of every HTTP shape, and the text type they share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Body(BaseModel):
    """Base of request bodies: nothing is converted ("5" is not 5, true is not 1), unknown fields and infinite numbers are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class FormBody(BaseModel):
    """Base of forms and query strings, where every value arrives as text and is converted."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Any JSON object; in a Body its numbers are finite too.
FreeObject = dict[str, JsonValue]
ModelId = Annotated[str, Field(min_length=1, max_length=200)]

"""Feature flags, as they are written down and as they are answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StrictBool, StrictInt, StrictStr, model_validator

from api.web.schema import Answer, Body, FreeObject

KEY = r"^[a-z0-9][a-z0-9._-]{0,99}$"
VariantName = Annotated[str, Field(min_length=1, max_length=100)]
AttributeName = Annotated[str, Field(min_length=1, max_length=100)]
Scalar = StrictBool | StrictInt | Annotated[StrictStr, Field(max_length=200)]
# By the name under which OpenFeature asks for them.
TYPES: dict[type, str] = {bool: "boolean", str: "string", int: "number", float: "number", dict: "object", list: "object"}


class Rule(Body):
    """Who gets what: one variant, or shares of them."""

    where: dict[AttributeName, Annotated[list[Scalar], Field(min_length=1, max_length=1000)]] = Field(
        default_factory=dict,
        max_length=10,
        description="Attributes of the context, each with the values that fit; all have to. Empty: everybody. `targetingKey` and `role` "
        "are the caller's user id and role unless the context says otherwise.",
    )
    variant: VariantName | None = None
    split: dict[VariantName, Annotated[int, Field(ge=0, le=100)]] | None = Field(
        None, min_length=1, max_length=20, description="Shares in percent, 100 together. Who has got a variant keeps it."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.variant is None) == (self.split is None):
            raise ValueError("a rule has either `variant` or `split`")
        if self.split is not None and (total := sum(self.split.values())) != 100:
            raise ValueError(f"the shares of a split are 100 together, not {total}")
        return self


def _on_off() -> dict[str, JsonValue]:
    return {"on": True, "off": False}


class FlagBody(Body):
    description: str = Field("", max_length=2000)
    enabled: bool = Field(True, description="False: everybody gets the default, whatever the rules say.")
    variants: dict[VariantName, JsonValue] = Field(
        default_factory=_on_off,
        min_length=1,
        max_length=20,
        description="What may be answered, all of one type.",
    )
    default: VariantName = Field("off", description="The variant for whom no rule fits.")
    rules: list[Rule] = Field(default_factory=list, max_length=50, description="The first that fits decides.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        types = {TYPES.get(type(value), "null") for value in self.variants.values()}
        if types == {"null"} or len(types) > 1:
            raise ValueError("the variants are all booleans, all strings, all numbers or all objects")
        for name in (self.default, *_named(self.rules)):
            if name not in self.variants:
                raise ValueError(f"there is no variant {name!r}; there are {', '.join(self.variants)}")
        return self


def _named(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        yield from rule.split or ()
        if rule.variant is not None:
            yield rule.variant


class NewFlagBody(FlagBody):
    key: str = Field(pattern=KEY, description="Its name, which stays.")


class FlagEntry(Answer):
    key: str
    description: str
    enabled: bool
    variants: FreeObject
    default: str
    rules: list[Rule]
    created_at: datetime
    updated_at: datetime


class Context(Body):
    """What is known of whom it is asked for. ``targetingKey`` tells them apart."""

    model_config = ConfigDict(extra="allow")

    targetingKey: Annotated[str, Field(min_length=1, max_length=200)] | None = None  # noqa: N815 - OpenFeature's name


class EvaluationBody(Body):
    """OFREP's request."""

    context: Context = Context()


Reason = Literal["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED"]


class Evaluation(Answer):
    """OFREP's answer for one flag."""

    key: str
    value: JsonValue
    variant: str
    reason: Reason = Field(description="STATIC: it has no rules. DEFAULT: none of them fits.")
    metadata: FreeObject = Field(default_factory=dict)


class Evaluations(Answer):
    """OFREP's answer for all flags."""

    flags: list[Evaluation]
    metadata: FreeObject = Field(default_factory=dict)

"""What a value must pass before a graph uses it: everything is decided on this machine."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from cluster.specs.loader import Spec

PiiKind = Literal["email", "phone", "iban", "credit_card", "ip_address", "national_id", "secret"]
PII_KINDS: tuple[PiiKind, ...] = ("email", "phone", "iban", "credit_card", "ip_address", "national_id", "secret")


class PiiGuard(Spec):
    """What tells who somebody is. ``mask`` puts `[EMAIL]` in its place, `refuse` fails, `note` only says that it is there."""

    do: Literal["mask", "refuse", "note"] = "mask"
    kinds: list[PiiKind] = Field(default_factory=lambda: list(PII_KINDS), min_length=1)
    region: str = Field(
        "DE", pattern=r"^[A-Z]{2}$", description="Country whose phone numbers may be written without the code of a country."
    )


class InjectionGuard(Spec):
    """Text that tells a model what to do. ``mark`` puts the text into a frame that says it is data, `remove` takes the sentences out,
    `refuse` fails."""

    do: Literal["mark", "remove", "refuse"] = "mark"
    threshold: float = Field(0.5, ge=0, le=1, description="Score from which a text counts as one.")


class PolicyGuard(Spec):
    """A model reads the value and says which label fits."""

    labels: list[str] = Field(min_length=2, max_length=32, description="All labels that it chooses from.")
    refuse: list[str] = Field(min_length=1, description="Those of them that fail.")
    instructions: str = Field("", max_length=4000, description="What the labels mean.")
    model: str | None = Field(None, max_length=200, description="Null: the run's, else the first language model of the profile.")

    @model_validator(mode="after")
    def _known(self) -> PolicyGuard:
        unknown = [label for label in self.refuse if label not in self.labels]
        if unknown:
            raise ValueError(f"'refuse' names {unknown[0]!r}, which is not one of 'labels'")
        return self


class GuardSpec(Spec):
    """All that are given are applied, in this order. What fails, fails the node."""

    schema_: dict[str, Any] | None = Field(None, alias="schema", description="JSON Schema of the value.")
    max_chars: int | None = Field(None, ge=1, description="Longest text, or JSON text, in characters.")
    injection: InjectionGuard | None = None
    pii: PiiGuard | None = None
    policy: PolicyGuard | None = None

    @model_validator(mode="after")
    def _some(self) -> GuardSpec:
        if all(value is None for value in (self.schema_, self.max_chars, self.injection, self.pii, self.policy)):
            raise ValueError("it checks nothing; give one of 'schema', 'max_chars', 'injection', 'pii', 'policy'")
        return self

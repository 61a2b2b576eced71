"""One item of a campaign with all that was said of it, as it travels into files and out of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Text = str
SourceKind = Literal["chat", "graph", "text", "import"]


class Turn(BaseModel):
    """One message of a sample."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str


class Given(BaseModel):
    """What one person said; ``skipped``: that they would not say. ``annotator``: a user's id, or a name from elsewhere."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    annotator: str = Field(min_length=1, max_length=200)
    value: JsonValue = None
    skipped: bool = False
    remark: str = Field("", max_length=2000)
    seconds: float | None = Field(None, ge=0)


class Decided(BaseModel):
    """The label that counts. ``by``: whoever decided, as in ``annotator``; None: they are gone, or nobody knows."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    value: JsonValue
    by: str | None = Field(None, max_length=200)
    adjudicated: bool = False


class Origin(BaseModel):
    """Where an item comes from, whose words it holds, and why it was chosen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    kind: SourceKind = "import"
    id: str = Field(min_length=1, max_length=200)
    user_id: str | None = None
    score: float = 0.0
    parts: dict[str, JsonValue] = Field(default_factory=dict)
    reason: str = Field("", max_length=2000)


class Record(BaseModel):
    """A line of the JSONL format is this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Origin
    messages: tuple[Turn, ...] = Field(min_length=1)
    answer: str | None = None
    labels: tuple[Given, ...] = ()
    final: Decided | None = None


def read_text(messages: tuple[Turn, ...]) -> str:
    """The messages as one text for people: the words alone where there is one message."""
    return messages[0].content if len(messages) == 1 else "\n\n".join(f"{turn.role}: {turn.content}" for turn in messages)

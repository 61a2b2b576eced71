"""The one shape in which feedback, labels and uploads become training data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Source(BaseModel):
    """Where an example comes from. ``user_id``: whose words it holds; erasing that person erases it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["feedback", "label", "upload"]
    id: str
    user_id: str | None = None


class Example(BaseModel):
    """``messages``: what the model was shown, in OpenAI's shape, up to and without the answer. ``chosen``: the answer to learn;
    ``rejected``: one that it is to be preferred to (then it is also a pair for DPO). ``task``: the kind of work, by which results are told
    apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: tuple[dict[str, Any], ...] = Field(min_length=1)
    chosen: str = Field(min_length=1)
    rejected: str | None = None
    task: str = "chat"
    source: Source

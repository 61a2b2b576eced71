"""A search for hyper-parameters: what of them is tried."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _different(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value stands in it twice; name each once")
    return values


class Between(BaseModel):
    """Tried evenly on a logarithmic scale."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float = Field(gt=0, le=0.1)
    high: float = Field(gt=0, le=0.1)

    @model_validator(mode="after")
    def _ordered(self) -> Between:
        if self.low >= self.high:
            raise ValueError("'low' must be below 'high'")
        return self


class Search(BaseModel):
    """What is named is searched, and the rest stays as the other hyper-parameters say. With nothing named, the learning rate is, from a
    quarter to four times what it would be, and the ranks 8, 16 and 32."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    trials: int = Field(8, ge=2, le=10_000, description="Trainings at most; there are fewer where the search has fewer combinations.")
    learning_rate: Between | None = Field(None, description="Range of the highest learning rate.")
    rank: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], AfterValidator(_different)] | None = Field(
        None, min_length=1, max_length=16, description="Ranks to choose from."
    )
    epochs: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], AfterValidator(_different)] | None = Field(
        None, min_length=1, max_length=16, description="Numbers of epochs to choose from."
    )

    @model_validator(mode="after")
    def _leaves_a_choice(self) -> Search:
        sizes = [len(values) for values in (self.rank, self.epochs) if values is not None]
        if self.learning_rate is None and sizes and max(sizes) == 1:
            raise ValueError("every list has one value, so there is nothing to choose; name more, or a range for 'learning_rate'")
        return self

    @property
    def names_nothing(self) -> bool:
        return self.learning_rate is None and self.rank is None and self.epochs is None

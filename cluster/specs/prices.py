"""What models cost: ``configs/prices.yaml``, or the owner's ``prices.yaml`` in HEARTH_HOME.

A provider's model costs what ``providers.yaml`` says of it, beside its name. This file prices everything else: local models (nothing, or
the electricity), and models that a provider lists by itself, by ``<provider>/<model>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from cluster.specs.loader import Spec, load_spec
from cluster.specs.providers import Price, ProvidersSpec

MILLION = 1_000_000
FREE = Price()


class PricesSpec(Spec):
    """The whole file."""

    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="Of all prices, those in providers.yaml included.")
    default: Price = Field(FREE, description="Of a model that has no price, here or in providers.yaml.")
    training_hour: float | None = Field(None, ge=0, description="What an hour of training costs, such as its electricity; null: unknown.")
    labelling_hour: float | None = Field(None, ge=0, description="What an hour of a person's labelling costs; null: unknown.")
    models: dict[str, Price] = Field(default_factory=dict, description="By model id; a provider's model is `<provider>/<model>`.")


@dataclass(frozen=True, slots=True)
class Consumption:
    """What one answer used. ``input_tokens`` includes ``cached_tokens``. ``estimated``: the tokens are our own estimate."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    audio_seconds: float = 0.0
    images: int = 0
    estimated: bool = False


class PriceTable:
    """The price of every model. A price beside a provider's model wins over one in prices.yaml."""

    def __init__(self, spec: PricesSpec, providers: ProvidersSpec) -> None:
        self.currency = spec.currency
        self.training_hour = spec.training_hour
        self.labelling_hour = spec.labelling_hour
        self._default = spec.default
        self._prices: Mapping[str, Price] = {**spec.models, **_beside_providers(providers)}

    def price(self, model: str) -> Price:
        if model not in self._prices and "/" not in model:
            # An adapter costs what its base does; a provider's models may have a colon in their own names.
            model = model.partition(":")[0]
        return self._prices.get(model, self._default)

    def is_known(self, model: str) -> bool:
        """Whether somebody said what it costs; else it counts as free."""
        return self.price(model) != FREE

    def cost(self, model: str, used: Consumption) -> Decimal:
        """Exact to a billionth of the currency."""
        price = self.price(model)
        cached = min(used.cached_tokens, used.input_tokens)
        tokens = (
            (used.input_tokens - cached) * _exact(price.input)
            + cached * _exact(price.input if price.cached is None else price.cached)
            + used.output_tokens * _exact(price.output)
        )
        sound = _exact(used.audio_seconds) / 60 * _exact(price.audio_minute)
        return round(tokens / MILLION + sound + used.images * _exact(price.image), 9)


def load_prices(path: Path) -> PricesSpec:
    """Raises ConfigError, one line."""
    return load_spec(path, PricesSpec)


def _beside_providers(providers: ProvidersSpec) -> dict[str, Price]:
    return {
        f"{name}/{model.name}": model.price
        for name, provider in providers.providers.items()
        for model in provider.models
        if model.price is not None
    }


def _exact(number: float) -> Decimal:
    """As a person wrote it: 0.1 is a tenth."""
    return Decimal(str(number))

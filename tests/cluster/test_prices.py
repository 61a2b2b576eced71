from __future__ import annotations

from decimal import Decimal

import pytest

from cluster.errors import ConfigError
from cluster.home import PRICES
from cluster.specs.loader import parse_spec
from cluster.specs.prices import Consumption, PricesSpec, PriceTable, load_prices
from cluster.specs.providers import ProvidersSpec

PROVIDERS = parse_spec(
    {
        "providers": {
            "openai": {"kind": "openai", "key": "env:KEY", "models": [{"name": "gpt-x", "price": {"input": 2, "cached": 0.5, "output": 8}}]}
        }
    },
    ProvidersSpec,
    "providers.yaml",
)


def table(**models: dict[str, float]) -> PriceTable:
    return PriceTable(parse_spec({"models": models}, PricesSpec, "prices.yaml"), PROVIDERS)


def test_the_prices_that_are_shipped_load_and_local_models_cost_nothing():
    prices = PriceTable(load_prices(PRICES), ProvidersSpec())
    assert prices.cost("hearth-nano", Consumption(1_000_000, 1_000_000)) == 0


def test_an_adapter_costs_what_its_base_does_and_a_colon_of_a_provider_s_means_nothing():
    prices = table(local={"input": 1.0})
    assert prices.cost("local:records@2", Consumption(1_000_000)) == 1
    assert prices.cost("openai/gpt-x:free", Consumption(1_000_000)) == 0


def test_cached_tokens_have_a_price_of_their_own():
    assert table().cost("openai/gpt-x", Consumption(1_000_000, 500_000, 400_000)) == Decimal("1.2") + Decimal("0.2") + Decimal("4")


def test_cached_tokens_cost_as_others_where_they_have_no_price():
    prices = table(local={"input": 1.0})
    assert prices.cost("local", Consumption(1_000_000, 0, 400_000)) == 1


def test_sound_costs_by_the_minute_and_images_one_by_one():
    prices = table(local={"audio_minute": 0.006, "image": 0.01})
    assert prices.cost("local", Consumption(audio_seconds=90, images=3)) == Decimal("0.039")


def test_a_price_beside_a_providers_model_wins():
    prices = table(**{"openai/gpt-x": {"output": 1.0}, "openai/gpt-y": {"output": 1.0}})
    assert prices.price("openai/gpt-x").output == 8
    assert prices.price("openai/gpt-y").output == 1


def test_a_small_price_is_not_lost_in_rounding():
    prices = table(local={"input": 0.02})
    assert sum(prices.cost("local", Consumption(1)) for _ in range(1000)) == prices.cost("local", Consumption(1000)) == Decimal("0.00002")


def test_a_negative_price_is_refused():
    with pytest.raises(ConfigError, match=r"models.local.input"):
        table(local={"input": -1.0})

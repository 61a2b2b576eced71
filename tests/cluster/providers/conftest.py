from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from cluster.fakes.gateway import FakeGateway
from cluster.fakes.upstream import Upstream
from cluster.providers.gateway import ProviderGateway
from cluster.providers.keys import EnvironmentSecrets
from cluster.specs.loader import parse_spec
from cluster.specs.providers import ProvidersSpec

KEY = "sk-very-secret-0123456789"
PATHS = {"openai": "/v1", "openai_compatible": "/v1", "openrouter": "/v1", "anthropic": "/v1", "ollama": ""}
# So that tests of repeats need not wait.
BRISK = {"first_wait_s": 0.01, "longest_wait_s": 2}

Making = Callable[..., ProviderGateway]


def provider(upstream: Upstream, kind: str = "openai", models: tuple[str, ...] = (), **others: object) -> dict[str, object]:
    """A provider of the YAML file, at ``upstream``."""
    listed = [{"name": name} for name in models]
    return {"kind": kind, "base_url": upstream.url + PATHS[kind], "key": "env:KEY", "models": listed, "retries": BRISK} | others


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def making() -> AsyncIterator[Making]:
    """Makes gateways, and closes them."""
    made: list[ProviderGateway] = []

    def make(providers: dict[str, object], inner: FakeGateway | None = None, cache: object = None, **others: object) -> ProviderGateway:
        spec = parse_spec({"providers": providers, **others}, ProvidersSpec, "test")
        made.append(ProviderGateway(inner or FakeGateway(), spec, EnvironmentSecrets({"KEY": KEY}), cache))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for gateway in made:
        await gateway.close()

"""Models of others beside the local ones, for one application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from cluster.gateway import ModelGateway
from cluster.providers.gateway import ProviderGateway
from cluster.providers.owners import with_providers
from cluster.settings import Settings
from cluster.specs.providers import ProvidersSpec
from cluster.stores.clients import StoreClients


def install_providers(
    app: FastAPI, local: ModelGateway, spec: ProvidersSpec, environment: Mapping[str, str], settings: Settings, stores: StoreClients
) -> ProviderGateway:
    """The gateway to ``local`` models and those of ``spec``, also put on ``app.state.providers``. Whoever runs the app closes it."""
    gateway = with_providers(local, spec, environment, settings, stores)
    app.state.providers = gateway
    return gateway


async def providers_of(request: Request) -> ProviderGateway:
    gateway = request.app.state.providers
    assert isinstance(gateway, ProviderGateway)
    return gateway


WithProviders = Annotated[ProviderGateway, Depends(providers_of)]

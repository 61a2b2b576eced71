"""Models of others beside the local ones, for one application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import SecretStr

from api.people.repository import People
from cluster.errors import ConfigError
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.providers.cache import RedisResponseCache
from cluster.providers.gateway import ProviderGateway
from cluster.providers.keys import EnvironmentSecrets
from cluster.secrets.source import SecretSource
from cluster.settings import Settings
from cluster.specs.providers import ProvidersSpec
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database


class OwnersSecrets:
    """A cluster.providers.keys.SecretSource: ``secret:NAME`` is a secret of the first organisation, which is that of whoever owns the
    machine and writes its configuration."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._source = SecretSource.of(database, home)

    async def read(self, reference: str) -> SecretStr:
        """Raises ConfigError before there is an organisation, NotFound for a secret that does not exist."""
        async with self._database.session() as session:
            owners = await People(session).first_organisation()
        if owners is None:
            raise ConfigError(f"'{reference}' cannot be read: there is no organisation yet; `hearth up` makes the first.")
        return SecretStr(await self._source.resolve(owners.id, reference))


def install_providers(
    app: FastAPI, local: ModelGateway, spec: ProvidersSpec, environment: Mapping[str, str], settings: Settings, stores: StoreClients
) -> ProviderGateway:
    """The gateway to ``local`` models and those of ``spec``, also put on ``app.state.providers``. Whoever runs the app closes it."""
    vault = OwnersSecrets(stores.database, Home(settings.home))
    gateway = ProviderGateway(local, spec, EnvironmentSecrets(environment, vault), RedisResponseCache(stores.cache))
    app.state.providers = gateway
    return gateway


async def providers_of(request: Request) -> ProviderGateway:
    gateway = request.app.state.providers
    assert isinstance(gateway, ProviderGateway)
    return gateway


WithProviders = Annotated[ProviderGateway, Depends(providers_of)]

"""Secrets of whoever owns the machine, and writes its configuration."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr
from sqlalchemy import Uuid, column, select, table

from cluster.errors import ConfigError
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.learning.adapters.gateway import AdapterGateway
from cluster.learning.adapters.manifest import Manifests
from cluster.providers.cache import RedisResponseCache
from cluster.providers.gateway import ProviderGateway
from cluster.providers.keys import EnvironmentSecrets
from cluster.secrets.source import SecretSource
from cluster.settings import Settings
from cluster.specs.providers import ProvidersSpec
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database

# Kept by api/people; here only their order is of interest.
_ORGANISATIONS = table("organisations", column("id", Uuid()), column("created_at"))


class OwnersSecrets:
    """A cluster.providers.keys.SecretSource: ``secret:NAME`` is a secret of the first organisation."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._source = SecretSource.of(database, home)

    async def read(self, reference: str) -> SecretStr:
        """Raises ConfigError before there is an organisation, NotFound for a secret that does not exist."""
        first = select(_ORGANISATIONS.c.id).order_by(_ORGANISATIONS.c.created_at, _ORGANISATIONS.c.id).limit(1)
        async with self._database.session() as session:
            owners = await session.scalar(first)
        if owners is None:
            raise ConfigError(f"'{reference}' cannot be read: there is no organisation yet; `hearth up` makes the first.")
        return SecretStr(await self._source.resolve(owners, reference))


def with_providers(
    local: ModelGateway, spec: ProvidersSpec, environment: Mapping[str, str], settings: Settings, stores: StoreClients
) -> ProviderGateway:
    """The gateway to ``local`` models with their adapters, and to those of ``spec``, whose keys may stand in ``environment``. The caller
    closes it."""
    adapted = AdapterGateway(local, Manifests(Home(settings.home)))
    vault = OwnersSecrets(stores.database, Home(settings.home))
    secrets = EnvironmentSecrets(environment, vault)
    return ProviderGateway(adapted, spec, secrets, RedisResponseCache(stores.cache), adapted.meaning)

"""Opening a connector: its options are checked, its secrets read, and it is closed whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cluster.connectors.base import Connector, Surroundings
from cluster.connectors.registry import REGISTRY, ConnectorRegistry
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker
from cluster.secrets.source import SecretSource
from cluster.settings import Settings


@asynccontextmanager
async def opened(
    name: str,
    options: dict[str, Any],
    asker: Asker,
    *,
    settings: Settings,
    outgoing: Outgoing,
    secrets: SecretSource,
    registry: ConnectorRegistry = REGISTRY,
) -> AsyncIterator[Connector]:
    """Raises NotFound for a connector or a secret that there is not, Unprocessable for options that cannot be."""
    kind, chosen = registry.get(name), registry.options(name, options)
    values = {field: await secrets.resolve(asker.organisation_id, reference) for field, reference in chosen.secrets().items()}
    connector = kind.open(chosen, Surroundings(settings, outgoing, asker, values))
    try:
        yield connector
    finally:
        await connector.close()

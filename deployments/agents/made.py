"""A runner and all that it is made of, in one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.library import graph_library
from cluster.graphs.live import LiveVoice
from cluster.graphs.metering import NodeMeter
from cluster.graphs.starting import RunStarter
from cluster.guard.guarding import Guard
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Journal
from cluster.providers.gateway import ProviderGateway
from cluster.providers.owners import with_providers
from cluster.queue.doing import Beginning
from cluster.secrets.keyring import KeyRing
from cluster.serving.agents import AgentsArgs
from cluster.serving.gateway import ServeGateway
from cluster.serving.vectors import ServeVectors
from cluster.specs.prices import PriceTable
from cluster.stores.clients import StoreClients, connect
from cluster.tools.making import Tools, make_tools
from cluster.traced import TracedGateway
from cluster.webhooks.delivering import WebhookDelivery
from deployments.agents.ahead import Ahead
from deployments.agents.around import CollectionSearch, StoredMedia
from deployments.agents.expressions import Expressions
from deployments.agents.runner import Runner
from deployments.agents.services import Services


@dataclass(frozen=True, slots=True)
class Made:
    runner: Runner
    stores: StoreClients
    local: ServeGateway
    gateway: ProviderGateway
    vectors: ServeVectors
    tools: Tools
    outgoing: Outgoing
    checkpoints: Checkpoints
    voice: LiveVoice
    expressions: Expressions
    meter: NodeMeter
    beginning: Beginning
    delivery: WebhookDelivery

    async def close(self) -> None:
        """What is under way is given back first. What stands on something goes before it."""
        await self.runner.stop()
        await self.tools.close()
        await self.voice.close()
        await self.meter.close()
        await self.gateway.close()
        await self.local.close()
        await self.vectors.close()
        await self.outgoing.close()
        await self.checkpoints.close()
        self.expressions.close()
        await self.stores.close()


async def make(args: AgentsArgs, environment: Mapping[str, str]) -> Made:
    """Nothing is begun yet. ``environment``: where keys of providers may stand."""
    settings = args.settings
    stores, local, vectors = connect(settings), ServeGateway(args.models, settings), ServeVectors(settings.vectors)
    gateway = with_providers(local, args.providers, environment, settings, stores)
    outgoing = Outgoing(settings, Journal(stores.database))
    library = graph_library(settings.home, int(settings.graphs.spec_bytes))
    starter, meter = RunStarter(stores.database, settings.graphs, library), NodeMeter(stores.cache, library.specs)
    tools = make_tools(settings, gateway, vectors, stores.database, outgoing, starter)
    checkpoints, voice, expressions = Checkpoints(settings), LiveVoice(stores.cache), Expressions(settings.graphs)
    await checkpoints.open()
    services = Services(
        settings=settings,
        gateway=TracedGateway(gateway) if settings.tracing.endpoint is not None else gateway,
        toolbox=tools.toolbox,
        finding=CollectionSearch(gateway, vectors, stores.database, settings),
        media=StoredMedia(stores.database, settings),
        live=voice,
        guard=Guard(gateway, settings.graphs),
        prices=PriceTable(args.prices, args.providers),
        expressions=expressions,
        ahead=Ahead(gateway, local.announce),
        meter=meter,
    )
    runner = Runner(stores.database, checkpoints, services)
    starter.wakes(runner.wake)
    keys = KeyRing(Home(settings.home).keys / "secrets.key")
    return Made(
        runner=runner,
        stores=stores,
        local=local,
        gateway=gateway,
        vectors=vectors,
        tools=tools,
        outgoing=outgoing,
        checkpoints=checkpoints,
        voice=voice,
        expressions=expressions,
        meter=meter,
        beginning=Beginning(starter, settings),
        delivery=WebhookDelivery(stores.database, outgoing, keys, settings.webhooks),
    )

"""Having an adapter in memory before requests go to it."""

from __future__ import annotations

import asyncio

import structlog

from api.web.deps import Parts
from cluster.contracts.generation import GenerationRequest, Message
from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import DeadlineExceeded, HearthError, NotFound, Overloaded, Unavailable
from cluster.learning.adapters.names import versioned
from cluster.learning.adapters.table import Adapter

log = structlog.get_logger(__name__)


async def load(parts: Parts, row: Adapter) -> None:
    """Has a replica take the adapter, where one serves its base now. Raises what the engine says of one that it does not take; one that
    only takes long is loaded meanwhile."""
    model = f"{row.base}:{versioned(row.name, row.version)}"
    asked = GenerationRequest(row.base, (Message("user", "?"),), adapter=versioned(row.name, row.version), scope=str(row.organisation_id))
    try:
        if (await parts.gateway.resolve(row.base, ModelKind.LLM)).state is not ModelState.READY:
            return
        async with asyncio.timeout(parts.settings.adapters.load_s):
            await parts.gateway.count_tokens(asked)
    except (TimeoutError, Unavailable, Overloaded, DeadlineExceeded, NotFound) as error:
        reason = error.message if isinstance(error, HearthError) else "it takes long"
        log.warning("an adapter is not loaded before requests go to it", model=model, reason=reason)

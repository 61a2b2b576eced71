"""``GET /api/v1/providers``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.providers.install import WithProviders
from api.providers.schemas import CacheEntry, ProviderEntry, ProvidersAnswer
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.openapi import READING, responses
from api.web.principal import AsAdmin
from cluster.providers.gateway import ProviderGateway

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])

ENTRY = {
    "name": "openai",
    "kind": "openai",
    "reachable": True,
    "breaker": "closed",
    "latency_s": 0.21,
    "checked_at": 1760000000.0,
    "models": 12,
    "problem": None,
    "requests": 3,
    "answers": 3,
    "failures": {},
    "prompt_tokens": 54,
    "completion_tokens": 12,
    "cost": 0.0003,
}
ANSWER = {"providers": [ENTRY], "cache": {"hits": 1, "misses": 2, "stored": 2, "hit_rate": 0.33}}


@router.get(
    "",
    summary="Providers and how they are",
    response_model=Success[ProvidersAnswer],
    responses=responses({"status": "success", "data": ANSWER}, (*READING, 401, 403)),
)
async def list_providers(
    request: Request, _: AsAdmin, gateway: WithProviders, probe: Annotated[bool, Query(description="Look at all of them now.")] = False
) -> Response:
    """Every enabled provider with its health, what this process asked of it and what that cost, and the response cache."""
    return success(await attend(request, _told(gateway, probe)))


async def _told(gateway: ProviderGateway, probe: bool) -> ProvidersAnswer:
    entries = [ProviderEntry.of(health, gateway.stats) for health in await gateway.health(probe=probe)]
    assert gateway.cache is not None  # install_providers gives it one
    counts = await gateway.cache.stats()
    return ProvidersAnswer(
        providers=entries, cache=CacheEntry(hits=counts.hits, misses=counts.misses, stored=counts.stored, hit_rate=counts.hit_rate)
    )

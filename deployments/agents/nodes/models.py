"""Which model a node asks."""

from __future__ import annotations

from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import Unavailable
from deployments.agents.visiting import Visit

# What no request changes.
OUT = frozenset({ModelState.NOT_PULLED, ModelState.REJECTED})


async def language_model(visit: Visit, template: str | None) -> str:
    """The one that the template names; without one, that of the run, else the first language model that is there."""
    if template is not None and (named := (await visit.text(template)).strip()):
        return named
    return visit.run.model or await first_of(visit, ModelKind.LLM)


async def first_of(visit: Visit, kind: ModelKind) -> str:
    """Raises Unavailable where the profile has none of the kind."""
    for status in await visit.run.services.gateway.models():
        if status.kind is kind and status.state not in OUT:
            return status.id
    raise Unavailable(f"There is no model of kind '{kind}' here; name one in 'model', or add one to the profile (retry in 60 s).")

"""Which model a node asks."""

from __future__ import annotations

from cluster.contracts.models import ModelKind
from cluster.errors import Unavailable
from deployments.agents.ahead import first_of
from deployments.agents.visiting import Visit


async def language_model(visit: Visit, template: str | None) -> str:
    """The one that the template names; without one, that of the run, else the first language model that is there."""
    if template is not None and (named := (await visit.text(template)).strip()):
        return named
    return visit.run.model or await need_first(visit, ModelKind.LLM)


async def need_first(visit: Visit, kind: ModelKind) -> str:
    """Raises Unavailable where the profile has none of the kind."""
    model = await first_of(visit.run.services.gateway, kind)
    if model is None:
        raise Unavailable(f"There is no model of kind '{kind}' here; name one in 'model', or add one to the profile (retry in 60 s).")
    return model

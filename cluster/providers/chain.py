"""Asks models one after another until one answers, and remembers why the others did not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from cluster.contracts.generation import Fallback, GenerationRequest, Provenance
from cluster.errors import BadInput, HearthError, Unprocessable
from cluster.providers.failures import passes_on
from cluster.providers.routes import Routes, Target
from cluster.providers.stats import GatewayStats
from cluster.specs.providers import DEEPEST_CHAIN

AnswerT = TypeVar("AnswerT")
log = structlog.get_logger(__name__)


class Chains:
    """Chains of at most four models; behind one that leads out of the house comes the last resort, where there is one."""

    def __init__(self, routes: Routes, last_resort: str | None, stats: GatewayStats) -> None:
        self._routes = routes
        self._last_resort = last_resort
        self._stats = stats

    async def names(self, request: GenerationRequest) -> list[str]:
        """The names to ask, in order. Raises BadInput for too many, and ModelNotFound where nobody knows ``request.model`` itself:
        a name that is misspelt should not be answered by another model."""
        alias = self._routes.alias(request.model)
        names = list(dict.fromkeys([*(alias.models if alias else (request.model,)), *request.fallbacks]))
        if len(names) > DEEPEST_CHAIN:
            raise BadInput(f"At most {DEEPEST_CHAIN} models can be asked for one answer; this names {len(names)}.").about("fallbacks")
        if alias is None:
            await self._routes.find(request.model)
        if self._last_resort is None or self._last_resort in names:
            return names
        local = [await self._routes.is_local(name) for name in names]
        return names if all(local) else [*names, self._last_resort]

    async def first(
        self, names: Sequence[str], request: GenerationRequest, ask: Callable[[Target, GenerationRequest], Awaitable[AnswerT]]
    ) -> tuple[AnswerT, Provenance]:
        """The first answer, and how it came about. A request that is itself wrong is nobody else's to answer, and raises at once."""
        failed: list[Fallback] = []
        errors: list[HearthError] = []
        for name in names:
            if failed:
                self._move_on(failed[-1], name)
            try:
                target = await self._routes.find(name)
                objection = target.objection(request)
                if objection is None:
                    return await ask(target, request), Provenance(target.id, tuple(failed))
                error: HearthError = Unprocessable(f"Model '{name}' cannot do this: {objection}.")
            except HearthError as caught:
                if not passes_on(caught):
                    raise
                error = caught
            failed.append(Fallback(name, error.code, error.message))
            errors.append(error)
        raise _of_all(failed, errors)

    def _move_on(self, failed: Fallback, following: str) -> None:
        self._stats.fell_back(failed, following)
        log.warning("asking another model", failed=failed.model, code=failed.code, reason=failed.reason, following=following)


def _of_all(failed: Sequence[Fallback], errors: Sequence[HearthError]) -> HearthError:
    """One error of the first one's kind, which tells of all."""
    if len(errors) == 1:
        return errors[0]
    others = " ".join(f"Then '{step.model}': {step.reason}" for step in failed[1:])
    return type(errors[0])(f"{errors[0].message} {others}")

"""Which models there are, and which one a request without a name means."""

from __future__ import annotations

from collections.abc import Collection

from api.models.schemas import FamilyHealth, ModelDetail, ModelEntry, ModelList
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.errors import BadInput, ModelNotFound
from cluster.gateway import ModelGateway
from cluster.specs.loader import nearest

# States in which a request is answered, at once or after loading.
USABLE = frozenset({ModelState.READY, ModelState.LOADING, ModelState.IDLE, ModelState.FAILED})


class Models:
    def __init__(self, gateway: ModelGateway) -> None:
        self._gateway = gateway

    async def entries(self) -> ModelList:
        """What can be asked, in OpenAI's shape: adapters too, but no model that is rejected or not pulled."""
        return ModelList(
            data=[entry for status in await self._gateway.models() if status.state in USABLE for entry in ModelEntry.all_of(status)]
        )

    async def entry(self, model: str) -> ModelEntry:
        entries = (await self.entries()).data
        for entry in entries:
            if entry.id == model:
                return entry
        for status in await self._gateway.models():
            if status.id == model:
                raise ModelNotFound(f"The model '{model}' does not serve: {status.reason}")
        raise _unknown(model, [entry.id for entry in entries])

    async def details(self, kinds: Collection[ModelKind] = tuple(ModelKind)) -> list[ModelDetail]:
        return [ModelDetail.of(status) for status in await self._gateway.models() if status.kind in kinds]

    async def detail(self, model: str) -> ModelDetail:
        details = await self.details()
        for detail in details:
            if detail.id == model:
                return detail
        raise _unknown(model, [detail.id for detail in details])

    async def health(self, kinds: Collection[ModelKind], concurrent_tasks: int, formats: tuple[str, ...]) -> FamilyHealth:
        models = await self.details(kinds)
        healthy = any(model.state in USABLE - {ModelState.FAILED} for model in models)
        return FamilyHealth(healthy=healthy, models=models, concurrent_tasks=concurrent_tasks, formats=list(formats))

    async def choose(self, model: str | None, kind: ModelKind) -> ModelStatus:
        """The model called ``model``; without a name, the only one of ``kind`` that answers. Nano models count where no other does."""
        if model is not None:
            return await self._gateway.resolve(model, kind)
        of_kind = [status for status in await self._gateway.models() if status.kind is kind]
        usable = [status for status in of_kind if status.state in USABLE]
        choices = [status for status in usable if not status.nano] or usable or of_kind
        if len(choices) == 1:
            return choices[0]
        if not choices:
            raise ModelNotFound(f"No {kind} model is served; add one to the profile (`hearth models list` shows the catalog).")
        names = ", ".join(status.id for status in choices)
        raise BadInput(f"Several {kind} models are served; name one in 'model': {names}.").about("model")


def _unknown(model: str, known: list[str]) -> ModelNotFound:
    hint = nearest(model, known)
    return ModelNotFound(f"There is no model '{model[:200]}'" + (f"; did you mean '{hint}'?" if hint else "; GET /v1/models lists all."))

"""What learning brought and what it cost, told to one person of an organisation. No transaction is open while models work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from api.learning import answers
from api.learning.repository import Questions
from api.learning.schemas import DriftQuery, JudgedQuery, QualityQuery
from api.semantic.models import Asking
from api.web.principal import Principal
from api.web.schema import Answer
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput
from cluster.home import Home
from cluster.learning.analytics import charts
from cluster.learning.analytics.cost import costs, totals
from cluster.learning.analytics.drift import How, RateDrift, TextDrift
from cluster.learning.analytics.efficiency import curves, savings
from cluster.learning.analytics.judgements import Judgement, Wanted, judgements
from cluster.learning.analytics.quality import Rate, quality
from cluster.learning.analytics.quality import Wanted as WantedQuality
from cluster.learning.analytics.trained import Serving, asked_in, bases_in_service, rates, serving
from cluster.learning.selection.space import Vectors
from cluster.specs.prices import PriceTable

NO_VERDICT = "No verdict about an adapter of the registry yet; POST /api/v1/gate/evaluate asks for one."
NO_DATASET = "No judged adapter was trained on a dataset that is here, so nobody knows on how many labels."
NO_FEEDBACK = "Nobody gave feedback in this time; POST /api/v1/feedback/submit takes it."
NO_TRAFFIC = (
    'Only conversations are read whose metadata has "consent_to_learning": true; in none of them was the model asked anything recently.'
)


@dataclass(frozen=True, slots=True)
class Told:
    """The same as figures and as a picture."""

    answer: Answer
    chart: charts.Chart


class LearningAnalytics:
    """``asking``: what texts are embedded by, in the caller's name."""

    def __init__(self, asking: Asking, who: Principal, prices: PriceTable) -> None:
        self._asking = asking
        self._settings = asking.parts.settings.analytics
        self._database = asking.parts.stores.database
        self._home = Home(asking.parts.settings.home)
        self._organisation_id = who.organisation_id
        self._prices = prices

    async def efficiency(self, query: JudgedQuery) -> Told:
        found = await self._judged(query)
        drawn = curves(found)
        told = answers.EfficiencyAnswer(
            curves=[answers.CurveAnswer.of(curve) for curve in drawn],
            savings=[answers.SavingAnswer.of(saving) for saving in savings(drawn)],
            verdicts=answers.judged(found),
            notes=_notes(NO_VERDICT if not found else None, NO_DATASET if found and not drawn else None),
        )
        return Told(told, charts.efficiency_chart(drawn))

    async def quality(self, query: QualityQuery) -> Told:
        since = _midnight(query.days - 1)
        most = self._settings.rows
        async with self._database.session() as session:
            wanted = WantedQuality(since, query.bucket, query.by, query.task, most + 1)
            series = await quality(session, self._organisation_id, wanted)
        found = [one for one in await self._judged(JudgedQuery(task=query.task)) if one.time >= since]
        told = answers.QualityAnswer(
            series=[
                answers.SeriesAnswer(task=task, group=group, points=[answers.QualityPointAnswer.of(point) for point in points])
                for (task, group), points in series.items()
            ],
            verdicts=answers.judged(found),
            is_complete=sum(map(len, series.values())) <= most,
            notes=_notes(NO_FEEDBACK if not series else None),
        )
        return Told(told, charts.quality_chart(series, found))

    async def cost(self, query: JudgedQuery) -> Told:
        found = costs(await self._judged(query), self._prices)
        told = answers.CostAnswer(
            currency=self._prices.currency,
            adapters=[answers.AdapterCostAnswer.priced(cost) for cost in found],
            totals=[answers.TotalAnswer.of(total) for total in totals(found)],
            notes=_notes(NO_VERDICT if not found else None),
        )
        return Told(told, charts.cost_chart(found))

    async def drift(self, query: DriftQuery) -> Told:
        now = datetime.now(UTC)
        recent, before = now - timedelta(days=query.days), now - timedelta(days=2 * query.days)
        async with self._database.session() as session:
            base = query.base or _only(await bases_in_service(session, self._organisation_id))
            if base is None:
                return _nothing("No adapter is in service, so there is nothing that was trained on to compare with.")
            served = await serving(session, self._organisation_id, base, self._home)
            asked = await Questions(session, self._organisation_id).latest(base, recent, self._settings.texts)
            judged = [await rates(session, self._organisation_id, base, *when) for when in ((before, recent), (recent,))]
        texts, model = await self._texts(served, asked, query.embedding_model)
        compared = await asyncio.to_thread(_compared_rates, judged[0], judged[1], self._settings.level)
        notes = _notes(served.note, NO_TRAFFIC if not asked else None)
        return Told(self._drift_answer(served, texts, model, compared, notes), charts.drift_chart(texts, compared, notes))

    async def _texts(self, served: Serving, asked: Sequence[str], model: str | None) -> tuple[TextDrift | None, str | None]:
        """With the model that they were compared by."""
        if served.data is None:
            return None, None
        settings = self._settings
        trained = await asyncio.to_thread(asked_in, served.data.path_train, settings.texts)
        how = How(settings.resamples, settings.level, settings.effect, settings.least_texts)
        if min(len(trained), len(asked)) < how.fewest:
            return TextDrift(len(trained), len(asked), "too_few"), None
        embedding = await self._asking.model(ModelKind.EMBEDDING, model)
        vectors = await self._asking.whole([text[: settings.text_chars] for text in (*trained, *asked)], embedding)
        size = len(trained)
        return await asyncio.to_thread(_compared_texts, vectors[:size], vectors[size:], how), embedding

    def _drift_answer(
        self, served: Serving, texts: TextDrift | None, model: str | None, compared: dict[str, RateDrift], notes: list[str]
    ) -> answers.DriftAnswer:
        level, least = self._settings.level, self._settings.effect
        adapter, data = served.adapter, served.data
        return answers.DriftAnswer(
            base=served.base,
            adapter=f"{adapter.base}:{adapter.name}@{adapter.version}" if adapter is not None else None,
            dataset=str(data.dataset_id) if data is not None else None,
            version=data.version if data is not None else None,
            embedding_model=model,
            texts=answers.TextDriftAnswer.told(texts, level, least) if texts is not None else None,
            rates={name: answers.RateDriftAnswer.of(one) for name, one in compared.items()},
            notes=notes,
        )

    async def _judged(self, query: JudgedQuery) -> list[Judgement]:
        async with self._database.session() as session:
            return await judgements(session, self._organisation_id, Wanted(self._settings.verdicts, query.base, query.task))


# scipy takes a second to load: only where it is needed, and beside the event loop.


def _compared_texts(trained: Vectors, recent: Vectors, how: How) -> TextDrift:
    from cluster.learning.analytics.comparing import compare_texts

    return compare_texts(trained, recent, how)


def _compared_rates(before: Mapping[str, Rate], now: Mapping[str, Rate], level: float) -> dict[str, RateDrift]:
    from cluster.learning.analytics.comparing import compare_rates

    return compare_rates(before, now, level)


def _only(bases: Sequence[str]) -> str | None:
    """Raises BadInput where there are several."""
    if len(bases) > 1:
        raise BadInput(f"Adapters of several models are in service; name one in 'base': {', '.join(bases)}.").about("base")
    return bases[0] if bases else None


def _nothing(note: str) -> Told:
    named = dict.fromkeys(("base", "adapter", "dataset", "version", "embedding_model", "texts"))
    return Told(answers.DriftAnswer.model_validate({**named, "rates": {}, "notes": [note]}), charts.drift_chart(None, {}, [note]))


def _notes(*notes: str | None) -> list[str]:
    return [note for note in notes if note is not None]


def _midnight(days: int) -> datetime:
    """The beginning (UTC) of the day so long ago."""
    return datetime.combine(datetime.now(UTC).date() - timedelta(days=days), time(), UTC)

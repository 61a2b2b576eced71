"""Choosing samples to label: found, embedded, asked about, scored, and put into the queue.

No transaction is open while models work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.active_learning.answers import MeasuredAnswer, PartsAnswer, SampleAnswer, SelectionAnswer, SummaryAnswer
from api.active_learning.candidates import Sample, asked, candidates
from api.active_learning.measuring import Measured, Measuring, nothing
from api.active_learning.repository import Asker, Traffic
from api.active_learning.schemas import SelectBody
from api.semantic.models import Asking
from api.web.principal import Principal
from cluster.contracts.models import ModelKind
from cluster.errors import Conflict, Unprocessable
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.examples import latest
from cluster.learning.selection.choice import Candidates, Chooser, Chosen, reason_of
from cluster.learning.selection.weights import Weights, weights_of


@dataclass(frozen=True, slots=True)
class _Found:
    """``trained`` and ``waiting``: what those samples are about."""

    samples: list[Sample]
    trained: list[str]
    waiting: list[str]
    notes: list[str]


class Selecting:
    """For one person."""

    def __init__(self, asking: Asking, who: Principal) -> None:
        self._asking = asking
        self._settings = asking.parts.settings.active_learning
        self._database = asking.parts.stores.database
        self._who = who

    async def select(self, body: SelectBody) -> SelectionAnswer:
        weights = weights_of(body.strategy, body.weights)
        self._check(body, weights)
        found = await self._find(body)
        if not found.samples:
            return _empty(body, weights, len(found.trained), found.notes)
        measured = await self._measured(body, weights, found.samples)
        chooser = await self._chooser(body, weights, found, measured)
        chosen = chooser.choose(body.limit, body.strategy)
        queued = await self._put(body, found.samples, measured, chooser, chosen)
        return SelectionAnswer(
            strategy=body.strategy,
            weights=chooser.weights.model_dump(),
            candidates=len(found.samples),
            trained=len(found.trained),
            samples=[self._shown(body, found.samples, measured, chooser, one, queued) for one in chosen],
            chosen=SummaryAnswer.of(chooser.summary(chosen)),
            at_random=SummaryAnswer.of(chooser.summary(chooser.choose(body.limit, "random"))),
            queued=len(queued),
            notes=[*found.notes, *measured.notes, *self._unmeasured(body, weights, chooser)],
        )

    def _check(self, body: SelectBody, weights: Weights) -> None:
        if weights.uncertainty > 0 and weights.total == weights.uncertainty and body.model is None and body.strategy != "random":
            raise Unprocessable("Uncertainty alone is to count, so 'model' has to say which model is asked how sure it is.").about("model")

    async def _find(self, body: SelectBody) -> _Found:
        """In one transaction. A campaign that takes nothing is found out before any model is asked."""
        most = self._settings.trained
        who = Asker(self._who.organisation_id, self._who.user_id, self._settings.turns)
        async with self._database.session() as session:
            waiting = list[str]()
            if body.campaign_id is not None:
                campaign = await Campaigns(session, self._who.organisation_id, self._settings).get(body.campaign_id)
                if campaign.state != "open":
                    raise Conflict("The campaign is closed, and takes no more samples.").about("campaign_id")
                waiting = [asked(item.messages) for item in await Traffic(session, who).waiting(campaign.id, most)]
            samples, notes = await candidates(session, who, body, self._settings)
            trained = [asked(list(example.messages)) for example in await latest(session, self._who.organisation_id, most)]
        return _Found(samples, trained, waiting, notes)

    async def _measured(self, body: SelectBody, weights: Weights, samples: Sequence[Sample]) -> Measured:
        if body.model is None or not weights.uncertainty:
            return nothing(len(samples))
        return await Measuring(self._asking, self._settings, body.model, body.compare_model).measure(samples, body.seed)

    async def _chooser(self, body: SelectBody, weights: Weights, found: _Found, measured: Measured) -> Chooser:
        model = await self._asking.model(ModelKind.EMBEDDING, body.embedding_model)
        texts = [sample.asked for sample in found.samples]
        vectors = await self._asking.whole([*texts, *found.trained, *found.waiting], model)
        first, second = len(texts), len(texts) + len(found.trained)
        given = Candidates(vectors[:first], measured.values, trained=vectors[first:second], waiting=vectors[second:])
        if weights.total == weights.uncertainty and body.strategy != "random" and not measured.answers:
            told = " ".join(measured.notes) or "Nothing was measured."
            raise Unprocessable(f"Uncertainty alone is to count, and no model could say how sure it is. {told}").about("model")
        return Chooser(given, weights, body.seed)

    async def _put(
        self, body: SelectBody, samples: Sequence[Sample], measured: Measured, chooser: Chooser, chosen: Sequence[Chosen]
    ) -> dict[tuple[str, str], str]:
        """The ids of items in the queue, by their source; what somebody else put there in the meantime is not among them."""
        if body.campaign_id is None:
            return {}
        rows = [self._row(body, samples[one.index], measured, chooser, one) for one in chosen]
        async with self._database.session() as session:
            campaigns = Campaigns(session, self._who.organisation_id, self._settings)
            campaign = await campaigns.get(body.campaign_id, lock=True)
            made = await campaigns.put(campaign, rows)
            return {(item.source_kind, item.source_id): str(item.id) for item in made}

    def _row(self, body: SelectBody, sample: Sample, measured: Measured, chooser: Chooser, one: Chosen) -> dict[str, Any]:
        return {
            "source_kind": sample.kind,
            "source_id": sample.id,
            "user_id": sample.user_id,
            "messages": sample.messages,
            "answer": sample.answer if sample.answer is not None else measured.answers.get(one.index),
            "score": one.score,
            "parts": one.parts | {"strategy": body.strategy},
            "reason": reason_of(one, chooser.weights, body.strategy),
        }

    def _shown(
        self,
        body: SelectBody,
        samples: Sequence[Sample],
        measured: Measured,
        chooser: Chooser,
        one: Chosen,
        queued: dict[tuple[str, str], str],
    ) -> SampleAnswer:
        sample = samples[one.index]
        row = self._row(body, sample, measured, chooser, one)
        return SampleAnswer(
            id=sample.id,
            messages=sample.messages,
            answer=row["answer"],
            score=one.score,
            parts=PartsAnswer.model_validate(one.parts),
            measured=MeasuredAnswer.model_validate(measured.of(one.index)),
            cluster=one.cluster,
            share=round(one.share, 4),
            reason=row["reason"],
            item_id=queued.get((sample.kind, sample.id)),
        )

    def _unmeasured(self, body: SelectBody, weights: Weights, chooser: Chooser) -> list[str]:
        if chooser.weights == weights or body.strategy == "random":
            return []
        return ["Nobody said how sure a model was, so uncertainty did not count; name a 'model' that tells log probabilities."]


def _empty(body: SelectBody, weights: Weights, trained: int, notes: list[str]) -> SelectionAnswer:
    told = notes or ["There is nothing to choose from: no unlabelled traffic that you may read."]
    return SelectionAnswer(
        strategy=body.strategy,
        weights=weights.model_dump(),
        candidates=0,
        trained=trained,
        samples=[],
        chosen=None,
        at_random=None,
        queued=0,
        notes=told,
    )

"""What somebody may do with verdicts: read those of the organisation, ask for some as an editor, and decide about them as an admin."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from api.audit.trail import Trail
from api.conversations.cursors import cursor_of, position_of
from api.gate.schemas import (
    AnswerQuery,
    DecisionBody,
    EvaluateBody,
    Names,
    SideBySide,
    SideBySidePage,
    VerdictDetail,
    VerdictEntry,
    VerdictPage,
    VerdictQuery,
)
from api.jobs.install import JobDesk
from api.people.repository import People
from api.web.principal import Principal
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, HearthError, Overloaded
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.jobs.store import NewJob
from cluster.knowledge.naming import need_named
from cluster.knowledge.searched import KnowledgeRepository
from cluster.learning.adapters.table import AdapterState
from cluster.learning.gate.adapters import judged, pinned
from cluster.learning.gate.held_out import HeldOut, of_dataset, of_file
from cluster.learning.gate.store import KIND, Found, GateVerdicts, NewVerdict, Wanted
from cluster.learning.gate.table import GateDecision
from cluster.settings import Settings
from cluster.specs.gate import gates
from cluster.stores.sql import AsyncSession


class GateService:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, desk: JobDesk, settings: Settings) -> None:
        self._session = session
        self._rows = GateVerdicts(session)
        self._people = People(session)
        self._who = who
        self._trail = trail
        self._desk = desk
        self._settings = settings

    async def evaluate(self, body: EvaluateBody, models: ModelGateway) -> VerdictEntry:
        """The verdict's row and its job, in one transaction."""
        who = self._who
        gate = gates(self._settings.home).get(body.gate)
        candidate, incumbent = await self._pair(body, models)
        held_out = await self._held_out(body)
        await self._refuse_surplus()
        documents = await self._documents(body)
        told = NewVerdict(who.organisation_id, who.user_id, candidate, incumbent, gate, held_out.model_dump(mode="json"), documents)
        row = await self._rows.add(told)
        row.job_id = (await self._desk.enqueue(self._session, NewJob(KIND, who.organisation_id, who.user_id, {"verdict": str(row.id)}))).id
        await self._session.flush()
        self._trail.record("gate.asked", f"gate_verdict:{row.id}", candidate=row.candidate, incumbent=row.incumbent, gate=gate.title)
        return VerdictEntry.of(await self._rows.get(who.organisation_id, row.id), {})

    async def page(self, asked: VerdictQuery) -> VerdictPage:
        wanted = Wanted(asked.candidate, asked.outcome, position_of(asked.cursor))
        found = await self._rows.page(self._who.organisation_id, wanted, asked.limit + 1)
        shown = found[: asked.limit]
        names = await self._names(one.decision for one in shown)
        last = shown[-1].row if len(found) > asked.limit else None
        return VerdictPage(
            verdicts=[VerdictEntry.of(one, names) for one in shown],
            next_cursor=cursor_of(last.created_at, last.id) if last is not None else None,
        )

    async def one(self, verdict_id: uuid.UUID) -> VerdictDetail:
        found = await self._get(verdict_id)
        decisions = await self._rows.decisions(found.row.id)
        return VerdictDetail.detailed(found, decisions, await self._names(decisions))

    async def answers(self, verdict_id: uuid.UUID, asked: AnswerQuery) -> SideBySidePage:
        found = await self._get(verdict_id)
        rows = await self._rows.answers(found.row.id, asked.set, _place(asked.cursor), asked.limit + 1, differing=asked.differing)
        shown = rows[: asked.limit]
        last = shown[-1] if len(rows) > asked.limit else None
        return SideBySidePage(
            answers=[SideBySide.of(row) for row in shown], next_cursor=f"{last.set_name}.{last.number}" if last is not None else None
        )

    async def decide(self, verdict_id: uuid.UUID, body: DecisionBody) -> VerdictDetail:
        """The verdict stays as it is: what a person decided stands beside it."""
        found = await self._get(verdict_id)
        decision = await self._rows.rule(found, self._who.user_id, body.decision, body.reason)
        state = AdapterState.PASSED if body.decision == "approve" else AdapterState.REFUSED
        await judged(self._session, self._who.organisation_id, found.row.candidate, state)
        self._trail.record(
            "gate.decided",
            f"gate_verdict:{found.row.id}",
            decision=decision.decision,
            outcome=found.row.outcome,
            overrides=decision.overrides,
        )
        return await self.one(verdict_id)

    async def _pair(self, body: EvaluateBody, models: ModelGateway) -> tuple[str, str]:
        """Who is compared with whom, each by a name that means the same until the verdict is found."""
        named = {"candidate": body.candidate, "incumbent": body.incumbent or body.candidate.partition(":")[0]}
        for param, model in named.items():
            if "/" in model:
                raise BadInput("The gate examines models of this machine; name one without a provider.").about(param)
            await models.resolve(model, ModelKind.LLM)
        candidate, incumbent = [await pinned(self._session, self._who.organisation_id, model) for model in named.values()]
        if candidate == incumbent:
            raise BadInput(f"'{candidate}' would be compared with itself; name another incumbent.").about("incumbent")
        return candidate, incumbent

    async def _held_out(self, body: EvaluateBody) -> HeldOut:
        here = self._who.organisation_id
        if body.held_out_file is not None:
            return await of_file(self._session, here, body.held_out_file)
        assert body.dataset is not None, "the body has one of both"
        return await of_dataset(self._session, Home(self._settings.home), here, _id_or_name(body.dataset), body.dataset_version)

    async def _documents(self, body: EvaluateBody) -> list[str] | None:
        if body.collections is None:
            return None
        try:
            rows = await need_named(KnowledgeRepository(self._session, self._who.organisation_id), body.collections)
        except HearthError as error:
            raise error.about("collections") from None
        return [str(row.id) for row in rows]

    async def _refuse_surplus(self) -> None:
        most = self._settings.gate.open_per_organisation
        if await self._rows.count_open(self._who.organisation_id) >= most:
            raise Overloaded(
                f"{most} verdicts of your organisation are being found, the most there may be (gate.open_per_organisation); retry in 60 s."
            )

    async def _get(self, verdict_id: uuid.UUID) -> Found:
        return await self._rows.get(self._who.organisation_id, verdict_id)

    async def _names(self, decisions: Iterable[GateDecision | None]) -> Names:
        """Of those who decided, as far as they still have an account."""
        ids = {one.user_id for one in decisions if one is not None and one.user_id is not None}
        users = [await self._people.user(user_id) for user_id in ids]
        return {user.id: user.name for user in users if user is not None}


def _id_or_name(dataset: str) -> uuid.UUID | str:
    try:
        return uuid.UUID(dataset)
    except ValueError:
        return dataset


def _place(cursor: str | None) -> tuple[str, int] | None:
    """Raises BadInput for what :meth:`GateService.answers` did not make."""
    if cursor is None:
        return None
    name, _, number = cursor.rpartition(".")
    if not name or not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise BadInput("'cursor' is not one that this list gave; leave it out to begin at the first page.").about("cursor")
    return name, int(number)

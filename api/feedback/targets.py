"""What feedback may be about, with what is kept of it: who answered, what was shown, and what was answered."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from api.conversations.tables import Message
from api.feedback.prompting import prompt_of
from api.feedback.repository import TargetRows
from api.feedback.schemas import FeedbackBody, HitBody
from api.feedback.showing import Shown, shown_of
from api.semantic.extraction import INSTRUCTION
from api.semantic.models import fenced
from api.semantic.repository import FactRows
from api.semantic.tables import Entity, Relation
from api.web.principal import Principal
from cluster.contracts.generation import Json
from cluster.errors import Conflict, NotFound, TooLarge, Unprocessable
from cluster.graphs.runs import Runs
from cluster.graphs.states import ENDED, RunState
from cluster.graphs.table import GraphRun
from cluster.learning.feedback.signals import TargetKind
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession

_NO_MESSAGE = "There is no such message, or you do not take part in its conversation."
# Confidence is said in words when a model extracts (see api/semantic/extraction.py); of what people confirm or correct it is this one.
_CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class Target:
    """``same``: what two things must have in common, of which one can be preferred; none: there is nothing to prefer it to.
    ``subject_id``: in whose conversation or run it was."""

    kind: TargetKind
    id: str
    task: str
    shown: Shown
    answered: str
    is_finished: bool = True
    model: str | None = None
    adapter: str | None = None
    release: str | None = None
    prompt: str | None = None
    prompt_version: int | None = None
    message_id: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None
    same: str | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


class Targets:
    """As far as ``who`` sees them. Raises NotFound for everything else."""

    def __init__(self, session: AsyncSession, settings: Settings, who: Principal) -> None:
        self._session = session
        self._settings = settings
        self._who = who
        self._rows = TargetRows(session, who)

    async def of(self, body: FeedbackBody) -> Target:
        if body.message_id is not None:
            return await self.message(body.message_id)
        if body.run_id is not None:
            return await self.run(body.run_id)
        if body.relation_id is not None:
            return await self.extraction(body.relation_id)
        assert body.hit is not None
        return await self.hit(body.hit)

    async def other(self, target: Target, other_id: uuid.UUID) -> Target:
        """What ``target`` is preferred to. Raises Unprocessable where the two do not answer the same."""
        if target.kind is TargetKind.MESSAGE:
            found = await self.message(other_id, "preferred_to")
        elif target.kind is TargetKind.RUN:
            found = await self.run(other_id, "preferred_to")
        else:
            raise Unprocessable("Only an answer or a run is preferred to another; say a thumb or stars of this.").about("preferred_to")
        if found.id == target.id or found.same != target.same:
            raise Unprocessable("A preference is between two answers to the same; name another answer to it.").about("preferred_to")
        if found.answered == target.answered:
            raise Unprocessable("Both answers say the same, so that neither is better.").about("preferred_to")
        return found

    async def message(self, message_id: uuid.UUID, param: str = "message_id") -> Target:
        found = await self._rows.message(message_id)
        if found is None:
            raise NotFound(_NO_MESSAGE).about(param)
        message, conversation = found
        if message.role != "assistant":
            raise Unprocessable("Feedback is about answers; name a message of the role 'assistant'.").about(param)
        prompt = await prompt_of(self._session, self._who, conversation, message)
        return Target(
            TargetKind.MESSAGE,
            str(message.id),
            "chat",
            await shown_of(self._session, self._settings.feedback.shown_chars, prompt.text, message),
            message.text,
            is_finished=message.status == "complete",
            model=message.served_by or message.model,
            adapter=message.adapter,
            release=message.release,
            prompt=prompt.name,
            prompt_version=prompt.version,
            message_id=message.id,
            subject_id=conversation.owner_id,
            same=f"{message.conversation_id} {message.parent_id}",
            provenance=_of_message(message),
        )

    async def run(self, run_id: uuid.UUID, param: str = "run_id") -> Target:
        try:
            run = await Runs(self._session, self._settings.graphs).get(self._who.organisation_id, run_id)
        except NotFound as error:
            raise error.about(param) from None
        if run.state not in ENDED:
            raise Conflict(f"The run is {run.state}; say what you think of it when it has ended.").about(param)
        models = await self._rows.models(run.id)
        asked = said(run.input)
        most = self._settings.feedback.shown_chars
        return Target(
            TargetKind.RUN,
            str(run.id),
            run.task_type,
            Shown([{"role": "user", "content": asked[:most]}], len(asked) <= most),
            said(run.output) if run.output is not None else "",
            is_finished=run.state == RunState.SUCCEEDED,
            model=run.model or (models[0] if len(models) == 1 else None),
            prompt=run.graph,
            prompt_version=run.version,
            subject_id=run.owner_id,
            same=f"{run.graph} {json.dumps(run.input, sort_keys=True)}",
            provenance=_of_run(run, models),
        )

    async def extraction(self, relation_id: uuid.UUID) -> Target:
        facts = FactRows(self._session, self._who.organisation_id)
        relation = await facts.relation(relation_id)
        sides = (await facts.entity(relation.subject_id), await facts.entity(relation.object_id)) if relation is not None else (None, None)
        if relation is None or sides[0] is None or sides[1] is None:
            raise NotFound("There is no such relation; GET /api/v1/semantic/relations lists them.").about("relation_id")
        asked = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": fenced(relation.quote)}]
        return Target(
            TargetKind.EXTRACTION,
            str(relation.id),
            "extraction",
            Shown(asked, is_whole=True),
            json.dumps(_extracted(relation, sides[0], sides[1]), ensure_ascii=False),
            subject_id=relation.owner_id,
            provenance={"source": relation.source, "text_hash": relation.text_hash, "start": relation.start, "end": relation.end},
        )

    async def hit(self, body: HitBody) -> Target:
        most = self._settings.feedback.shown_chars
        if not 0 < body.end - body.start <= most:
            raise Unprocessable(f"'hit.end' must be behind 'hit.start', by at most {most} (setting feedback.shown_chars).").about("hit.end")
        found = await self._rows.passage(body.document_id, body.start, body.end)
        if found is None:
            raise NotFound("There is no such document; GET /api/v1/collections/{id}/documents lists those of a collection.").about(
                "hit.document_id"
            )
        document, collection, text = found
        if len(text) < body.end - body.start:
            raise Unprocessable("The document's text is shorter; give the span of a hit of its present version.").about("hit.end")
        asked = hashlib.sha256(body.question.encode()).hexdigest()[:16]
        place = {"start": body.start, "end": body.end, "rank": body.rank, "path": document.path, "version": document.version}
        return Target(
            TargetKind.HIT,
            f"{document.id}:{body.start}-{body.end}:{asked}",
            "retrieval",
            Shown([{"role": "user", "content": body.question}], is_whole=True),
            text,
            model=collection.embedding_model,
            provenance={"document_id": str(document.id), "collection_id": str(collection.id), **place},
        )


def said(value: dict[str, Any]) -> str:
    """A run's input or output as text: its one text, or all of it as JSON."""
    only = next(iter(value.values())) if len(value) == 1 else None
    return only if isinstance(only, str) else json.dumps(value, ensure_ascii=False)


def check_size(text: str, most: int, name: str, setting: str) -> None:
    """Raises TooLarge."""
    if len(text) > most:
        raise TooLarge(f"'{name}' has {len(text)} characters, at most {most} are taken (setting feedback.{setting}).").about(name)


def _of_message(message: Message) -> dict[str, Any]:
    names = ("model", "served_by", "adapter", "release", "fallbacks", "status", "finish_reason", "from_cache", "citations", "tool_calls")
    more = {"conversation_id": str(message.conversation_id), "answered_at": message.created_at.isoformat()}
    return {name: getattr(message, name) for name in names} | more


def _of_run(run: GraphRun, models: list[str]) -> dict[str, Any]:
    return {"graph": run.graph, "version": run.version, "state": run.state, "models": models}


def _extracted(relation: Relation, subject: Entity, object_: Entity) -> Json:
    """As a model is asked to answer (see ``form`` in api/semantic/extraction.py)."""
    entities: list[Json] = [{"name": side.name, "type": side.type, "confidence": _CERTAIN} for side in (subject, object_)]
    one: dict[str, Json] = {
        "quote": relation.quote,
        "subject": subject.name,
        "relation": relation.predicate,
        "object": object_.name,
        "held_from": relation.held_from.isoformat() if relation.held_from else "",
        "held_until": relation.held_until.isoformat() if relation.held_until else "",
        "confidence": _CERTAIN,
    }
    return {"entities": entities, "relations": [one | ({"attributes": relation.attributes} if relation.attributes else {})]}

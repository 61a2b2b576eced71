"""The answer of a conversation that drafts: a draft, checked, shown, and a question whether to save it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from api.drafts.asking import Asking
from api.drafts.choosing import Choosing, Said, World
from api.drafts.draft import AGENTS, Kind, agent_text, graph_of, marked, plan_of, shown, workflow_text
from api.drafts.words import agrees
from api.web.principal import Principal, Role
from api.workflows.drawing import mermaid_of
from api.workflows.finding import Finder
from api.workflows.install import Graphs
from api.workflows.launching import may_act
from cluster.contracts.generation import GenerationDelta, GenerationRequest, Usage
from cluster.contracts.models import ModelKind
from cluster.graphs.agents import AgentSpec
from cluster.graphs.composing import WorkflowPlan, literal
from cluster.graphs.definitions import Definitions
from cluster.knowledge.searched import KnowledgeRepository

KEY = "drafting"
LONGEST_DESCRIPTION = 1000
_UNSAVED = "Words save nothing, so that nothing is saved by mistake: the request below does."
WORDS_CHARS = 4000
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Wish:
    """What is drafted in a conversation. ``before``: the text of the draft that is changed; None: it is the first."""

    kind: Kind
    conversation_id: str
    before: str | None = None


_WISH = TypeAdapter(Wish)


def packed_wish(wish: Wish | None) -> dict[str, Any]:
    """Kept beside the request of an answer."""
    return {} if wish is None else {KEY: _WISH.dump_python(wish, mode="json")}


def unpacked_wish(kept: dict[str, Any]) -> Wish | None:
    return _WISH.validate_python(kept[KEY]) if kept.get(KEY) else None


class Drafting:
    """In the name of ``who``."""

    def __init__(self, graphs: Graphs, who: Principal, wish: Wish) -> None:
        self._graphs = graphs
        self._who = who
        self._wish = wish

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """One piece, when it is there. Raises what the gateway raises."""
        yield ()
        words = [message.content or "" for message in request.messages if message.role == "user"]
        said = Said("\n".join(words)[-WORDS_CHARS:].strip(), words[-1].strip())
        if self._wish.before is not None and agrees(said.last):
            yield self._told(self._wish.before, await self._findings(self._wish.before), [_UNSAVED], Usage())
            return
        status = await self._graphs.parts.gateway.resolve(request.model, ModelKind.LLM)
        asking = Asking(self._graphs.parts.gateway, request)
        world = await self._world(nano=status.nano)
        before = plan_of(self._wish.before) if self._wish.before is not None else {}
        choosing = Choosing(asking, world, said, before)
        if self._wish.kind == AGENTS:
            text = agent_text(await self._agent(choosing, said, before))
        else:
            plan = await self._named({"description": said.all[:LONGEST_DESCRIPTION]} | await choosing.workflow(), before)
            text = workflow_text(WorkflowPlan.model_validate(plan))
        yield self._told(text, await self._findings(text), asking.notes, asking.used)

    async def _agent(self, choosing: Choosing, said: Said, before: dict[str, Any]) -> dict[str, Any]:
        plan = await self._named(await choosing.agent(), before)
        plan["instructions"] = literal(str(plan["instructions"]))
        order = ("name", "title", "description", *AgentSpec.model_fields)
        plan.setdefault("description", said.all[:LONGEST_DESCRIPTION])
        return {name: plan[name] for name in order if plan.get(name) not in (None, [], "")}

    async def _named(self, plan: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        """Under a name that is free, unless it is that of the draft before."""
        name = str(plan["name"])
        if name == before.get("name"):
            return plan
        async with self._graphs.parts.stores.database.session() as session:
            rows = Definitions(session, self._graphs.parts.settings.graphs)
            free, number = name, 1
            while free in self._graphs.library or await rows.find(self._who.organisation_id, free) is not None:
                number += 1
                free = f"{name[: LONGEST_NAME - 8]}-{number}"
        return plan | {"name": free}

    async def _world(self, *, nano: bool) -> World:
        role = may_act(self._who)
        tools = [tool for tool in await self._graphs.toolbox.specs(self._who.organisation_id) if role.includes(Role(tool.role))]
        async with self._graphs.parts.stores.database.session() as session:
            collections = await KnowledgeRepository(session, self._who.organisation_id).names()
        return World(tools, collections, nano)

    async def _findings(self, text: str) -> list[str]:
        """Of the checker that `hearth graph check` is."""
        async with self._graphs.parts.stores.database.session() as session:
            finder = Finder(session, self._graphs, self._who)
            spec = graph_of(self._wish.kind, text, int(self._graphs.parts.settings.graphs.spec_bytes))
            return [found.told(spec.name) for found in await finder.findings(spec)]

    def _told(self, text: str, findings: Sequence[str], notes: Sequence[str], used: Usage) -> tuple[GenerationDelta, GenerationDelta]:
        spec = graph_of(self._wish.kind, text, int(self._graphs.parts.settings.graphs.spec_bytes))
        what = "an agent" if self._wish.kind == AGENTS else "a workflow"
        checked = "\n".join(f"- {shown(one)}" for one in findings) or "- Nothing is wrong."
        noted = "".join(f"\n- {shown(one)}" for one in notes)
        parts = (
            f"A draft of {what}, `{spec.name}`:\n\n```yaml\n{marked(self._wish.kind, text)}```",
            f"```mermaid\n{shown(mermaid_of(spec)).strip()}\n```",
            f"Checked:\n{checked}{noted}",
            f"Shall it be saved? Nothing is saved until you say so with POST /api/v1/chat/conversations/{self._wish.conversation_id}"
            "/draft/save, which names this message. Say what should be different, and it is drafted anew.",
        )
        return GenerationDelta(text="\n\n".join(parts)), GenerationDelta(finish_reason="stop", usage=used)

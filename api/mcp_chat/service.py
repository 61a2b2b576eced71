"""One chat in which the model calls tools: asked, told as events, kept where there is a conversation."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from pydantic_core import to_json

from api.chat.answers import ProvenanceAnswer
from api.generation.service import Generations, adapter_of
from api.generation.spending import spent_by_tools
from api.mcp_chat.approvals import Approvals
from api.mcp_chat.choosing import asked_for, is_named, offered_to
from api.mcp_chat.keeping import Keeping
from api.mcp_chat.opening import Opening
from api.mcp_chat.schemas import McpAnswer, McpCall, McpChatBody
from api.mcp_chat.telling import Telling, call_of
from api.retrieval.citations import CitationAnswer, KnowledgeAnswer
from api.streams.fold import Content
from api.streams.grounding import KEY, told
from api.streams.window import Measure, Window
from api.web.bells import Bells
from api.web.deps import Parts
from api.web.errors import public
from api.web.exchange import Exchange
from api.web.principal import Principal
from api.web.sse import event as framed
from cluster.contracts.generation import GenerationDelta, GenerationRequest, JsonObject, Message, Provenance, Usage
from cluster.contracts.models import ModelStatus
from cluster.retrieval.briefing import Briefing
from cluster.tools.calls import CallHistory
from cluster.tools.calls import Ended as HistoryEnd
from cluster.tools.choices import Scope, ToolChoices
from cluster.tools.loop import Ask, Ended, LoopLimits, ToolLoop, Turn
from cluster.tools.offer import offered
from cluster.tools.paths import conversation_workspace, user_workspace
from cluster.tools.tool import Toolbox, ToolCaller, ToolSpec

ALIVE = b": still here\n\n"
LEFT = "The caller left before the answer was complete."


@dataclass(slots=True)
class Outcome:
    """What came of a chat so far. ``model``: the id of the one that was asked."""

    text: str = ""
    thinking: str = ""
    calls: list[McpCall] = field(default_factory=list)
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    reason: str = "stop"
    provenance: Provenance | None = None
    message_id: uuid.UUID | None = None
    model: str = ""
    cited: Content | None = None

    def add(self, turn: Turn, message_id: uuid.UUID | None) -> None:
        more = turn.usage
        self.turns += 1
        self.usage = Usage(
            self.usage.prompt_tokens + more.prompt_tokens,
            self.usage.completion_tokens + more.completion_tokens,
            self.usage.cached_tokens + more.cached_tokens,
            estimated=self.usage.estimated or more.estimated,
        )
        self.reason, self.provenance = turn.reason or self.reason, turn.provenance
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class _Chat:
    request: GenerationRequest
    loop: ToolLoop
    caller: ToolCaller
    offered: Sequence[ToolSpec]
    keeping: Keeping | None
    briefing: Briefing | None


class McpChat:
    """For one request of one person."""

    def __init__(
        self,
        parts: Parts,
        generations: Generations,
        toolbox: Toolbox,
        bells: Bells,
        who: Principal,
        exchange: Exchange,
        opening: Opening,
    ) -> None:
        self._parts = parts
        self._settings = parts.settings.tools
        self._generations = generations
        self._measure = Measure(parts.gateway, parts.settings.conversations.count_timeout_s)
        self._toolbox = toolbox
        self._choices = ToolChoices(parts.stores.database)
        self._history = CallHistory(parts.stores.database, self._settings)
        self._bells = bells
        self._who = who
        self._exchange = exchange
        self._opening = opening

    async def answer(self, body: McpChatBody) -> McpAnswer:
        began, outcome = time.monotonic(), Outcome()
        async with aclosing(self._events(body, outcome)) as events:
            async for _ in events:
                pass
        usage, cited = outcome.usage, outcome.cited
        return McpAnswer(
            model=body.model,
            text=outcome.text,
            thinking=outcome.thinking,
            calls=outcome.calls,
            rounds=outcome.turns,
            finish_reason=outcome.reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            cached_tokens=usage.cached_tokens,
            provenance=ProvenanceAnswer.of(outcome.provenance, outcome.model),
            message_id=outcome.message_id,
            citations=[CitationAnswer.model_validate(one) for one in cited["citations"]] if cited else [],
            knowledge=KnowledgeAnswer.model_validate(cited[KEY]) if cited else None,
            latency_ms=round((time.monotonic() - began) * 1000),
        )

    async def stream(self, body: McpChatBody) -> AsyncGenerator[bytes, None]:
        """Server-sent events, and a comment after each while of silence: tools, and people, take their time."""
        every_s = self._parts.settings.conversations.keepalive_s
        async with aclosing(self._events(body, Outcome())) as events:
            coming = asyncio.ensure_future(anext(events, None))
            try:
                while True:
                    await asyncio.wait((coming,), timeout=every_s)
                    if not coming.done():
                        yield ALIVE
                        continue
                    told = coming.result()
                    if told is None:
                        return
                    yield framed(to_json(told))
                    coming = asyncio.ensure_future(anext(events, None))
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait((coming,))

    async def _events(self, body: McpChatBody, outcome: Outcome) -> AsyncGenerator[Content, None]:
        began = time.monotonic()
        chat = await self._begin(body)
        outcome.model = chat.request.model
        telling = Telling(self._parts.settings.graphs.event_chars, self._settings.approval_s, chat.briefing)
        try:
            yield {"type": "start", "tools": [spec.name for spec in chat.offered]}
            async with aclosing(chat.loop.run(chat.request)) as events:
                async for event in events:
                    for content in telling.of(event):
                        yield content
                    if isinstance(event, Ended):
                        outcome.calls.append(call_of(event, telling.most))
                        await self._note(event, chat.caller)
                    if isinstance(event, Turn):
                        await self._ended(chat, event, telling, outcome, body.model, began)
        except BaseException as error:
            await self._broken(chat, telling, body.model, error)
            raise
        self._generations.account([outcome.usage], 1)
        for content in telling.finish(outcome.reason, outcome.usage, outcome.turns, outcome.message_id, _ms(began)):
            yield content

    async def _ended(self, chat: _Chat, turn: Turn, telling: Telling, outcome: Outcome, model: str, began: float) -> None:
        spoken = telling.end_turn()
        # What a model says before it calls is no part of its answer, though it is kept and was told.
        outcome.text = spoken.text if turn.last else ""
        outcome.thinking += spoken.thinking
        outcome.cited = spoken.cited
        kept = None if chat.keeping is None else await chat.keeping.add(turn, spoken, model, _ms(began))
        outcome.add(turn, kept)

    async def _note(self, ended: Ended, caller: ToolCaller) -> None:
        """What its models used; and in the history a call that the toolbox never saw."""
        self._exchange.spent += spent_by_tools(ended.spent)
        if ended.outcome in {"denied", "refused"}:
            call = ended.wanted.call
            given: JsonObject = ended.wanted.arguments if ended.wanted.arguments is not None else {"text": call.arguments}
            source = ended.wanted.spec.source if ended.wanted.spec else ""
            call_id = await self._history.begin(call.name, source, given, replace(caller, key=f"{caller.key}:{ended.wanted.number}"))
            await self._history.end(call_id, HistoryEnd("refused", ended.ms, error=ended.outcome, message=ended.text))

    async def _broken(self, chat: _Chat, telling: Telling, model: str, error: BaseException) -> None:
        if chat.keeping is None:
            return
        failed = isinstance(error, Exception)
        remark = public(error).message if isinstance(error, Exception) else LEFT
        await chat.keeping.break_off(telling.end_turn(), model, "failed" if failed else "stopped", remark)

    async def _begin(self, body: McpChatBody) -> _Chat:
        status = await self._generations.resolve(body.model)
        specs = offered_to(self._who.role, await self._toolbox.specs(self._who.organisation_id))
        asked_for(specs, body.approve, "approve")
        offer = await self._offer(specs, body)
        request, briefing = self._request(body, status, self._said(body), offer), None
        # Known once for all of its turns, whatever is promoted meanwhile.
        release = self._generations.released(request)
        if release is not None:
            request = replace(request, messages=release.instructed(request.messages), release=release.label)
        keeping = Keeping(self._parts, self._who, body.conversation_id, release) if body.conversation_id else None
        if keeping is None:
            await self._measure.need_room(request, Window(status, body.max_tokens or 1))
        else:
            request, briefing = await self._opening.open(keeping, body, status, request)
        approved = frozenset(spec.name for spec in offer if is_named(spec.name, body.approve))
        approver = Approvals(self._parts.stores.cache, self._bells, self._settings.approval_s, self._who, body.conversation_id)
        caller = self._caller(body)
        ask = self._ask if briefing is None or briefing.answer is None else _saying(briefing.answer)
        loop = ToolLoop(ask, self._toolbox, caller, offer, self._limits(body), approver, approved)
        return _Chat(request, loop, caller, offer, keeping, briefing)

    async def _offer(self, specs: Sequence[ToolSpec], body: McpChatBody) -> list[ToolSpec]:
        """What the request asks for, else what the conversation uses, else the person, else all."""
        if body.tools is not None:
            return asked_for(specs, body.tools, "tools")
        scope = Scope(self._who.organisation_id, self._who.user_id, body.conversation_id)
        return await self._choices.chosen(specs, scope)

    async def _ask(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        async with aclosing(self._generations.stream([request])) as batches:
            async for _, batch in batches:
                yield batch

    def _said(self, body: McpChatBody) -> tuple[Message, ...]:
        messages = body.messages or []
        for index, message in enumerate(messages):
            self._generations.check_length(message.content, f"messages.{index}.content")
        return tuple(Message(message.role, message.content) for message in messages)

    def _request(
        self, body: McpChatBody, status: ModelStatus, messages: tuple[Message, ...], specs: Sequence[ToolSpec]
    ) -> GenerationRequest:
        return GenerationRequest(
            model=status.id,
            messages=messages,
            adapter=adapter_of(body.model, status),
            sampling=body.sampling(),
            tools=tuple(map(offered, specs)),
            tool_choice=None if body.tool_choice == "auto" or not specs else body.tool_choice,
            request_id=self._exchange.request_id,
            fallbacks=tuple(body.fallbacks or ()),
            scope=self._generations.scope,
            subject=str(body.conversation_id or ""),
        )

    def _caller(self, body: McpChatBody) -> ToolCaller:
        conversation = body.conversation_id
        return ToolCaller(
            organisation_id=self._who.organisation_id,
            user_id=self._who.user_id,
            role=self._who.role.value,
            workspace=conversation_workspace(conversation) if conversation else user_workspace(self._who.user_id),
            key=f"chat:{uuid.uuid4()}",
            conversation_id=conversation,
        )

    def _limits(self, body: McpChatBody) -> LoopLimits:
        most = self._settings
        return LoopLimits(min(body.rounds or most.rounds, most.rounds), most.calls, most.shown_chars)


def _saying(answer: str) -> Ask:
    """Where it is known without a model."""
    return lambda _: told(answer)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

"""The MCP client that makes a call, as whoever is called sees it: it may be asked, and is told how things go.

The newest revision has no requests from server to client: the call ends with what is asked, and the client makes it again with the
answers and with a sealed note of ours that keeps those of earlier rounds, and the call's key: made again, it is the same call. Revisions
with sessions are asked on the stream of the call, and answer with a message of their own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    InputRequiredResult,
    InputResponseRequestParams,
    MissingRequiredClientCapabilityErrorData,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from api.mcp.asking import Context, line_in, session_in
from api.mcp.questions import NEEDED, RESULTS, answer_in, is_offered, request_of
from api.mcp.saying import say
from api.web.bells import Bells
from cluster.contracts.generation import Json
from cluster.errors import DeadlineExceeded, RemoteFailed
from cluster.tools.asking import Answer, AnswersNeeded, Level, Question


class _Kept(BaseModel):
    action: Literal["accept", "decline", "cancel"]
    value: dict[str, Any]


class _Note(BaseModel):
    """What the client brings back, sealed."""

    key: str = Field(default_factory=lambda: f"mcp:{uuid.uuid4()}")
    answers: dict[str, _Kept] = {}


class CallingClient:
    """Implements cluster.tools.asking.ToolClient. ``key``: the same in all rounds of one call. ``told``: whether what is called says
    itself how far it is."""

    def __init__(self, context: Context, params: InputResponseRequestParams, bells: Bells, wait_s: float) -> None:
        note = _Note.model_validate_json(params.request_state) if params.request_state is not None else _Note()
        self.key = note.key
        self.told = False
        self._context = context
        self._given = params.input_responses or {}
        self._answers = {name: Answer(kept.action, kept.value) for name, kept in note.answers.items()}
        self._bells = bells
        self._wait_s = wait_s
        self._done, self._before = -1.0, 0.0

    def takes(self, question: type[Question]) -> bool:
        return is_offered(question, self._capabilities)

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        for question in questions.values():
            self._need(type(question))
        for name, question in questions.items():
            if name not in self._answers and (answer := answer_in(question, self._given.get(name))) is not None:
                self._answers[name] = answer
        missing = {name: question for name, question in questions.items() if name not in self._answers}
        if missing and self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            raise AnswersNeeded(missing)
        for name, question in missing.items():
            self._answers[name] = await self._asked(question)
        return {name: self._answers[name] for name in questions}

    async def progress(self, done: float, total: float | None = None, said: str | None = None) -> None:
        if not self.told:
            # What was told of the time so far; numbers only grow.
            self.told, self._before = True, max(self._done, 0.0)
        await self._report(self._before + done, None if total is None else self._before + total, said)

    async def tick(self, seconds: float, said: str) -> None:
        """A sign of life of a call that does not tell how far it is."""
        if not self.told:
            await self._report(seconds, None, said)

    async def say(self, level: Level, data: Json) -> None:
        await say(self._context, level, data)

    def needing(self, needed: AnswersNeeded) -> InputRequiredResult:
        """The end of this round: what the client is to answer before it makes the call again."""
        answers = {name: _Kept(action=answer.action, value=dict(answer.value)) for name, answer in self._answers.items()}
        asked = {name: request_of(question) for name, question in needed.questions.items()}
        return InputRequiredResult(input_requests=asked, request_state=_Note(key=self.key, answers=answers).model_dump_json())

    @property
    def _capabilities(self) -> ClientCapabilities | None:
        session = session_in(self._context)
        return session.capabilities if session is not None else self._context.session.client_capabilities

    async def _report(self, done: float, total: float | None, said: str | None) -> None:
        if done > self._done:
            self._done = done
            await self._context.session.report_progress(done, total, said)

    def _need(self, question: type[Question]) -> None:
        if not self.takes(question):
            data = MissingRequiredClientCapabilityErrorData(required_capabilities=NEEDED[question])
            said = "The call needs to ask something that the client does not say it can answer."
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, said, data.model_dump(by_alias=True, exclude_none=True))

    async def _asked(self, question: Question) -> Answer:
        session, line = session_in(self._context), line_in(self._context)
        assert session is not None
        assert line is not None
        number = f"hearth-{uuid.uuid4().hex}"
        await self._bells.expect(answer_bell(session.id, number), self._wait_s)
        asked = request_of(question).model_dump(by_alias=True, mode="json", exclude_none=True)
        await line.say({"jsonrpc": "2.0", "id": number, **asked})
        try:
            async with asyncio.timeout(self._wait_s):
                told = from_json(await self._bells.heard(answer_bell(session.id, number)))
        except TimeoutError:
            raise DeadlineExceeded(f"The client had not answered after {self._wait_s:g} s (setting tools.approval_s).") from None
        if "error" in told:
            error = told["error"]
            raise RemoteFailed(f"The client says: {str(error.get('message') if isinstance(error, dict) else error)[:500]}")
        try:
            answer = answer_in(question, RESULTS[type(question)].model_validate(told["result"], by_name=False))
        except ValidationError:
            answer = None
        if answer is None:
            raise RemoteFailed("The client gave an answer that does not fit what it was asked.")
        return answer


def answer_bell(session_id: str, number: object) -> str:
    """The name under which the client's answer to a request of ours is heard."""
    return f"mcp:answer:{session_id}:{str(number)[:200]}"

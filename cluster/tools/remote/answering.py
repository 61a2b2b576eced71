"""What an MCP server is told that asks something while one of its tools is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequest, InputResponse

from cluster.errors import BadInput, RemoteFailed
from cluster.json_schema import check_schema, mistake, with_defaults
from cluster.tools.asking import AskPerson, ToolClient

ROUNDS = 10
MESSAGE_CHARS = 2000


class Answering:
    """``server``: its name. A person is asked where one is there (``client``); else a server that is ``trusted`` is given the defaults of
    its form, where these are a complete answer, and every other is told no. Models are never asked on a server's word."""

    def __init__(self, server: str, *, trusted: bool, client: ToolClient | None = None) -> None:
        self._server = server
        self._trusted = trusted
        self._client = client

    async def answers(self, requests: Mapping[str, InputRequest]) -> dict[str, InputResponse]:
        """Raises AnswersNeeded where the person's client answers with another call, RemoteFailed for what is never answered."""
        questions = {name: self._question(request) for name, request in requests.items()}
        put = {f"{self._server}:{name}": question for name, question in questions.items() if question is not None}
        told = await self._client.ask(put) if put and self._client is not None and self._client.takes(AskPerson) else {}
        made: dict[str, InputResponse] = {}
        for name, question in questions.items():
            answer = told.get(f"{self._server}:{name}")
            made[name] = self.default(question) if answer is None else _result(answer.action, answer.value)
        return made

    def default(self, question: AskPerson | None) -> ElicitResult:
        """Without asking anybody."""
        if question is None or not self._trusted:
            return ElicitResult(action="decline")
        value = with_defaults({}, question.schema)
        return _result("accept", value) if mistake(value, question.schema) is None else ElicitResult(action="decline")

    def question(self, params: Any) -> AskPerson | None:
        """A form to be filled in; None for an address to be opened, which nobody opens on a server's word, and a form that is none."""
        if not isinstance(params, ElicitRequestFormParams):
            return None
        schema = dict(params.requested_schema)
        try:
            check_schema(schema)
        except (BadInput, RecursionError):
            return None
        return AskPerson(f"The MCP server '{self._server}' asks: {params.message[:MESSAGE_CHARS]}", schema)

    def _question(self, request: InputRequest) -> AskPerson | None:
        if not isinstance(request, ElicitRequest):
            raise RemoteFailed(f"The MCP server '{self._server}' asks for what it is not given: {request.method}.")
        return self.question(request.params)


def _result(action: Any, value: Mapping[str, Any]) -> ElicitResult:
    return ElicitResult(action=action, content=dict(value) if action == "accept" else None)

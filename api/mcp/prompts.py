"""`prompts/list`, `prompts/get` and their arguments' completion: the organisation's system prompts."""

from __future__ import annotations

from mcp_types import (
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from api.mcp.asking import Context, principal_in
from api.mcp.paging import page_of, place_in
from api.prompts.schemas import PromptAnswer
from api.prompts.service import Prompts
from cluster.prompts.template import names_in
from cluster.stores.sql import Database


class PromptShelf:
    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        """By name."""
        async with self._database.session() as session:
            found = await Prompts(session, principal_in(context)).all(place_in(params.cursor if params else None), self._most + 1)
        shown, cursor = page_of(found, self._most, lambda prompt: prompt.name)
        return ListPromptsResult(prompts=[_as_prompt(prompt) for prompt in shown], next_cursor=cursor)

    async def get(self, context: Context, params: GetPromptRequestParams) -> GetPromptResult:
        """Its text with these values, and its defaults for the others, as something a user says: the protocol has no instructions."""
        async with self._database.session() as session:
            prompts = Prompts(session, principal_in(context))
            prompt = await prompts.named(params.name)
            text = await prompts.rendered(prompt.id, params.arguments or {})
        message = PromptMessage(role="user", content=TextContent(text=text))
        return GetPromptResult(description=prompt.description or None, messages=[message])

    async def complete(self, context: Context, name: str, argument: str, begun: str) -> Completion:
        """The argument's default, where it goes on from what is ``begun``."""
        async with self._database.session() as session:
            prompt = await Prompts(session, principal_in(context)).named(name)
        default = prompt.variables.get(argument, "")
        values = [default[:100]] if default and default.startswith(begun) else []
        return Completion(values=values, total=len(values), has_more=False)


def _as_prompt(prompt: PromptAnswer) -> Prompt:
    arguments = [
        PromptArgument(name=name, description=_default(prompt, name), required=name not in prompt.variables)
        for name in sorted(set(names_in(prompt.text)))
    ]
    return Prompt(name=prompt.name, description=prompt.description or None, arguments=arguments)


def _default(prompt: PromptAnswer, name: str) -> str | None:
    return f"By default: {prompt.variables[name][:200]}" if name in prompt.variables else None

"""`prompts/list`, `prompts/get` and their arguments' completion: the organisation's system prompts."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_types import (
    Completion,
    ContentBlock,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from api.mcp.asking import Context, principal_in
from api.mcp.client import CallingClient
from api.mcp.content import block_of
from api.mcp.paging import page_of, place_in
from api.mcp.resources import Resources
from api.prompts.schemas import PromptAnswer
from api.prompts.service import Prompts
from api.web.bells import Bells
from cluster.contracts.generation import JsonObject
from cluster.prompts.template import names_in, render
from cluster.stores.sql import Database
from cluster.tools.asking import AnswersNeeded, AskPerson


class PromptShelf:
    """``most``: in one answer of a list. ``resources``: those that a prompt's values may name. ``wait_s``: for a person's answer."""

    def __init__(self, database: Database, resources: Resources, bells: Bells, most: int, wait_s: float) -> None:
        self._database = database
        self._resources = resources
        self._bells = bells
        self._most = most
        self._wait_s = wait_s

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        """By name."""
        async with self._database.session() as session:
            found = await Prompts(session, principal_in(context)).all(place_in(params.cursor if params else None), self._most + 1)
        shown, cursor = page_of(found, self._most, lambda prompt: prompt.name)
        return ListPromptsResult(prompts=[_as_prompt(prompt) for prompt in shown], next_cursor=cursor)

    async def get(self, context: Context, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
        """Its text with these values, and its defaults for the others, as something a user says: the protocol has no instructions. What
        has neither is asked of the person, where the client does that. Resources that values name come before the text."""
        async with self._database.session() as session:
            prompt = await Prompts(session, principal_in(context)).named(params.name)
        client = CallingClient(context, params, self._bells, self._wait_s)
        try:
            values = {**prompt.variables, **(params.arguments or {})}
            values |= await _asked(client, prompt, [name for name in names_in(prompt.text) if name not in values])
        except AnswersNeeded as needed:
            return client.needing(needed)
        said = TextContent(text=render(prompt.text, values))
        blocks: list[ContentBlock] = [*await self._named(context, [values[name] for name in dict.fromkeys(names_in(prompt.text))]), said]
        return GetPromptResult(
            description=prompt.description or None, messages=[PromptMessage(role="user", content=block) for block in blocks]
        )

    async def _named(self, context: Context, values: Sequence[str]) -> Sequence[ContentBlock]:
        """Raises NotFound for what is written like a resource of ours and is none."""
        who = principal_in(context)
        return [block_of(await self._resources.contents(who, value)) for value in values if self._resources.holds(value)]

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


async def _asked(client: CallingClient, prompt: PromptAnswer, names: Sequence[str]) -> dict[str, str]:
    """What a person says for variables that have no value; none where nobody can be asked."""
    if not names or not client.takes(AskPerson):
        return {}
    properties: JsonObject = {name: {"type": "string", "title": name} for name in names}
    schema: JsonObject = {"type": "object", "properties": properties, "required": list(names)}
    answer = (await client.ask({"arguments": AskPerson(f"The prompt '{prompt.name}' needs values.", schema)}))["arguments"]
    return {name: str(answer.value[name]) for name in names if name in answer.value}


def _default(prompt: PromptAnswer, name: str) -> str | None:
    return f"By default: {prompt.variables[name][:200]}" if name in prompt.variables else None

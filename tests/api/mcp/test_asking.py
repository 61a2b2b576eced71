"""Tools and prompts that ask their client something, in both eras of the protocol."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import (
    AudioContent,
    CreateMessageResult,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsResult,
    Root,
    TextContent,
    TextResourceContents,
)

from cluster.tools.asking import AskFolders, AskModel, AskPerson, Question
from cluster.tools.tool import Piece, ToolCaller, ToolResult, ToolSpec
from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, mcp_client, text_of

ERAS = ["legacy", "2026-07-28"]
NAME = AskPerson("What is your name?", {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
PNG = b"\x89PNG not really"


class Somebody:
    """A person at their client, who has a model and a folder."""

    def __init__(self, *answers: ElicitResult) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    async def person(self, _: object, params: Any) -> ElicitResult:
        self.asked.append(params)
        return self.answers.pop(0)

    async def model(self, _: object, params: Any) -> CreateMessageResult:
        self.asked.append(params)
        return CreateMessageResult(role="assistant", content=TextContent(text="Goats climb."), model="theirs")

    async def folders(self, _: object) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///farm", name="farm")])

    @property
    def told(self) -> dict[str, Any]:
        return {"elicitation_callback": self.person, "sampling_callback": self.model, "list_roots_callback": self.folders}


def accepts(**content: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=content)


def asking(shop: Shop, *rounds: Mapping[str, Question]) -> list[str]:
    """A tool that asks in ``rounds``, and says what it was told; how often it was called, and with which keys."""
    keys: list[str] = []

    async def do(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        assert caller.client is not None
        keys.append(caller.key)
        told = [await caller.client.ask(questions) for questions in rounds]
        said = "; ".join(f"{name}={answer.action}:{dict(answer.value)}" for each in told for name, answer in each.items())
        return ToolResult(said, said)

    shop.tools.add(ToolSpec("asks", "Asks", "Asks.", {"type": "object", "properties": {}}, "test"), do)
    return keys


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_asks_a_person_a_model_and_the_client(shop, era):
    keys = asking(shop, {"who": NAME}, {"what": AskModel("Say something of goats."), "where": AskFolders()})
    somebody = Somebody(accepts(name="Mira"))
    async with mcp_client(shop, await shop.person(), era, **somebody.told) as client:
        answer = await client.call_tool("asks", {})
    assert text_of(answer) == (
        "who=accept:{'name': 'Mira'}; what=accept:{'text': 'Goats climb.'}; "
        "where=accept:{'roots': [{'uri': 'file:///farm', 'name': 'farm'}]}"
    )
    assert somebody.asked[0].message == "What is your name?"
    assert len(set(keys)) == 1, "the rounds of a call are the same call"
    assert len(keys) == (1 if era == "legacy" else 3)


@pytest.mark.parametrize("era", ERAS)
async def test_who_declines_is_not_asked_again(shop, era):
    asking(shop, {"who": NAME})
    async with mcp_client(shop, await shop.person(), era, **Somebody(ElicitResult(action="decline")).told) as client:
        assert text_of(await client.call_tool("asks", {})) == "who=decline:{}"


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_be_asked_is_not(shop, era):
    asking(shop, {"who": NAME})
    async with mcp_client(shop, await shop.person(), era) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("asks", {})
    assert refused.value.code == -32021
    assert refused.value.error.data == {"requiredCapabilities": {"elicitation": {"form": {}}}}


async def test_an_answer_that_does_not_fit_is_asked_for_again(shop):
    asking(shop, {"who": NAME})
    somebody = Somebody(accepts(age=3), accepts(name="Mira"))
    async with mcp_client(shop, await shop.person(), "2026-07-28", **somebody.told) as client:
        assert text_of(await client.call_tool("asks", {})) == "who=accept:{'name': 'Mira'}"
    assert len(somebody.asked) == 2


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("answer", "sent"), [(accepts(approve=True), ["Kees"]), (accepts(approve=False), [])])
async def test_what_is_dangerous_is_done_only_with_a_yes(shop, era, answer, sent):
    somebody = Somebody(answer)
    async with mcp_client(shop, await shop.person(), era, **somebody.told) as client:
        answered = await client.call_tool("mail_send", {"to": "Kees"})
    assert shop.tools.sent == sent
    assert answered.is_error == (not sent)
    assert "mail_send" in somebody.asked[0].message
    assert "Kees" in somebody.asked[0].message


async def test_what_the_client_keeps_is_of_this_call_and_person_only(shop):
    asking(shop, {"who": NAME}, {"again": NAME})
    mira, kees = await shop.person(), await shop.person()

    async def first(person: Person) -> str:
        async with mcp_client(shop, person, "2026-07-28", **Somebody().told) as client:
            given = await client.session.call_tool("asks", {}, allow_input_required=True)
        assert isinstance(given, InputRequiredResult)
        assert given.request_state is not None
        return given.request_state

    kept = await first(mira)
    for person, arguments, state in [(kees, {}, kept), (mira, {"other": 1}, kept), (mira, {}, kept[:-4] + "AAAA"), (mira, {}, "1.AAAA")]:
        async with mcp_client(shop, person, "2026-07-28", **Somebody().told) as client:
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await client.session.call_tool("asks", arguments, request_state=state, allow_input_required=True)


async def test_nobody_answers_for_another_session(shop):
    """A stranger who guesses the number of a question has no session that it was put in."""
    asking(shop, {"who": NAME})
    somebody = Somebody(accepts(name="Mira"))
    stranger = await shop.person()

    async def person(context, params):
        async with shop.client(stranger) as other:
            body = {"jsonrpc": "2.0", "id": "hearth-0", "result": {"action": "accept", "content": {"name": "Kees"}}}
            refused = await other.post("/mcp", json=body, headers={"Mcp-Session-Id": "0" * 32, "Mcp-Protocol-Version": "2025-11-25"})
            assert refused.status_code == 404
        return await somebody.person(context, params)

    async with mcp_client(shop, await shop.person(), "legacy", **{**somebody.told, "elicitation_callback": person}) as client:
        assert text_of(await client.call_tool("asks", {})) == "who=accept:{'name': 'Mira'}"


@pytest.mark.parametrize("era", ERAS)
async def test_a_prompt_asks_for_what_it_lacks(shop, era):
    mira = await shop.person()
    async with shop.client(mira) as plain:
        await plain.post("/api/v1/prompts", json={"name": "farm", "text": "You help $farmer.", "variables": {}})
    async with mcp_client(shop, mira, era, **Somebody(accepts(farmer="Mira")).told) as client:
        prompt = await client.get_prompt("farm", {})
    assert [message.content for message in prompt.messages] == [TextContent(text="You help Mira.")]


@pytest.mark.parametrize("era", ERAS)
async def test_pictures_sounds_and_files_come_as_such(shop, era):
    pieces = (
        Piece("image", "image/png", PNG),
        Piece("audio", "audio/wav", b"RIFF"),
        Piece("file", "text/plain", b"goats", "hearth://files/a.txt"),
    )

    async def do(arguments, caller):
        return ToolResult("three", "three", pieces=pieces)

    shop.tools.add(ToolSpec("shows", "Shows", "Shows.", {"type": "object", "properties": {}}, "test"), do)
    async with mcp_client(shop, await shop.person(), era) as client:
        said, image, sound, file = (await client.call_tool("shows", {})).content
    assert isinstance(said, TextContent)
    assert isinstance(image, ImageContent)
    assert isinstance(sound, AudioContent)
    assert isinstance(file, EmbeddedResource)
    assert isinstance(file.resource, TextResourceContents)
    assert (base64.b64decode(image.data), image.mime_type, sound.mime_type, file.resource.text) == (PNG, "image/png", "audio/wav", "goats")


@pytest.mark.parametrize("era", ERAS)
async def test_progress_of_a_tool_only_grows(shop, era):
    async def do(arguments, caller):
        for done in (0, 1, 1, 2):
            await caller.client.progress(done, 2, f"{done} of 2")
        return ToolResult("done", "done")

    shop.tools.add(ToolSpec("counts", "Counts", "Counts.", {"type": "object", "properties": {}}, "test"), do)
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with mcp_client(shop, await shop.person(), era) as client:
        await client.call_tool("counts", {}, progress_callback=hear)
    assert heard == [(0, None, "Counts begins"), (1, 2, "1 of 2"), (2, 2, "2 of 2")]

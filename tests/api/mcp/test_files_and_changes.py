"""Files of workspaces as resources, and what a client hears when resources change."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import BlobResourceContents, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from cluster.tools.paths import user_workspace
from cluster.tools.workspace import Workspace
from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, mcp_client, open_shop
from tests.api.mcp.test_endpoints import of, opened
from tests.api.mcp.test_prompts_and_resources import every
from tests.patience import PATIENCE_S

ERAS = ["legacy", "2026-07-28"]
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==")


def workspace(shop: Shop, person: Person) -> Workspace:
    found = shop.app.state.tools.workspaces.of(person.organisation_id, user_workspace(person.user_id))
    assert isinstance(found, Workspace)
    return found


@pytest.mark.parametrize("era", ERAS)
async def test_one_s_files_are_there_as_text_and_as_bytes(shop, era):
    mira = await shop.person()
    workspace(shop, mira).write("notes/my goats.md", b"# Goats")
    workspace(shop, mira).write("goat.png", PNG)
    async with mcp_client(shop, mira, era) as client:
        files = [resource for resource in await every(client) if resource.uri.startswith("hearth://files/")]
        assert [(file.name, file.mime_type, file.size) for file in files] == [
            ("goat.png", "image/png", len(PNG)),
            ("notes/my goats.md", "text/markdown", 7),
        ]
        (picture,) = (await client.read_resource(files[0].uri)).contents
        (notes,) = (await client.read_resource(files[1].uri)).contents
    assert isinstance(picture, BlobResourceContents)
    assert isinstance(notes, TextResourceContents)
    assert (base64.b64decode(picture.blob), notes.text) == (PNG, "# Goats")


@pytest.mark.parametrize("uri", ["hearth://files/notes.md", "hearth://files/../../etc/passwd", "hearth://files/%2e%2e/x"])
async def test_another_person_s_files_and_what_is_outside_are_not(shop, uri):
    mira = await shop.person()
    workspace(shop, await shop.person(colleague=mira)).write("notes.md", b"secret")
    async with mcp_client(shop, mira) as client:
        assert [resource for resource in await every(client) if "files" in resource.uri] == []
        with pytest.raises(MCPError):
            await client.read_resource(uri)


async def test_resources_that_a_prompt_s_values_name_come_before_its_text(shop):
    mira = await shop.person()
    workspace(shop, mira).write("goat.png", PNG)
    workspace(shop, mira).write("notes.md", b"They climb.")
    body = {"name": "look", "text": "Look at $picture and $notes.", "variables": {"picture": "hearth://files/goat.png"}}
    async with shop.client(mira) as plain:
        assert (await plain.post("/api/v1/prompts", json=body)).status_code == 200
    async with mcp_client(shop, mira) as client:
        picture, notes, said = [each.content for each in (await client.get_prompt("look", {"notes": "hearth://files/notes.md"})).messages]
        with pytest.raises(MCPError):
            await client.get_prompt("look", {"notes": "hearth://files/nothing.md"})
    assert isinstance(picture, ImageContent)
    assert isinstance(notes, EmbeddedResource)
    assert isinstance(said, TextContent)
    assert said.text == "Look at hearth://files/goat.png and hearth://files/notes.md."


async def heard(client, session: str) -> str:
    """The next change that a stream of the session tells of."""
    async with asyncio.timeout(PATIENCE_S), client.stream("GET", "/mcp", headers=of(session)) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                return str(json.loads(line.removeprefix("data: "))["params"]["uri"])
    raise AssertionError("the stream ended")


async def test_what_is_watched_is_told_of_when_it_changes(shop_settings):
    tools = shop_settings.tools.model_copy(update={"watch_s": 0.05, "subscriptions": 1})
    async with open_shop(shop_settings.model_copy(update={"tools": tools})) as shop:
        mira = await shop.person()
        files = workspace(shop, mira)
        files.write("notes.md", b"one")
        files.write("other.md", b"one")
        async with shop.client(mira) as client:
            session = (await opened(client)).headers["mcp-session-id"]

            async def ask(method: str, name: str) -> str:
                body = {"jsonrpc": "2.0", "id": 1, "method": f"resources/{method}", "params": {"uri": f"hearth://files/{name}"}}
                return (await client.post("/mcp", json=body, headers=of(session))).text

            assert '"result":{}' in await ask("subscribe", "notes.md")
            assert "tools.subscriptions" in await ask("subscribe", "other.md")
            files.write("notes.md", b"two")
            assert await heard(client, session) == "hearth://files/notes.md"
            files.delete("notes.md")
            assert await heard(client, session) == "hearth://files/notes.md"
            await ask("unsubscribe", "notes.md")
            assert '"result":{}' in await ask("subscribe", "other.md")
            await ask("unsubscribe", "other.md")
            assert "-32002" in await ask("subscribe", "nothing.md")


async def test_a_stream_is_of_one_s_own_session(shop):
    async with shop.client(await shop.person()) as client, shop.client(await shop.person()) as stranger:
        session = (await opened(client)).headers["mcp-session-id"]
        assert (await stranger.get("/mcp", headers=of(session))).status_code == 404

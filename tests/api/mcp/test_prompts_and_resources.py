from __future__ import annotations

import uuid

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, Resource, ResourceTemplateReference, TextContent, TextResourceContents

from cluster.knowledge.tables import Collection, DocumentRow, DocumentText
from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, mcp_client

ERAS = ["legacy", "2026-07-28"]


async def add_document(
    shop: Shop, person: Person, path: str, text: str, collection: Collection | None = None
) -> tuple[uuid.UUID, Collection]:
    async with shop.stores.database.session() as session:
        if collection is None:
            collection = Collection(
                organisation_id=person.organisation_id, owner_id=person.user_id, name=path, embedding_model="m", chunking={}
            )
            session.add(collection)
            await session.flush()
        row = DocumentRow(
            organisation_id=person.organisation_id,
            owner_id=person.user_id,
            collection_id=collection.id,
            path=path,
            content_hash="0" * 64,
            state="ready",
            chars=len(text),
        )
        session.add(row)
        await session.flush()
        session.add(DocumentText(document_id=row.id, version=1, text=text))
        return row.id, collection


async def add_prompt(shop: Shop, person: Person, name: str, text: str, **variables: str) -> None:
    async with shop.client(person) as client:
        answer = await client.post("/api/v1/prompts", json={"name": name, "text": text, "variables": variables})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("era", ERAS)
async def test_prompts_of_the_organisation_are_filled_in(shop, era):
    mira = await shop.person()
    await add_prompt(shop, mira, "farm", "You help $farmer with $animals.", farmer="Mira")
    async with mcp_client(shop, mira, era) as client:
        (prompt,) = (await client.list_prompts()).prompts
        assert [(argument.name, argument.required) for argument in prompt.arguments or ()] == [("animals", True), ("farmer", False)]
        filled = await client.get_prompt("farm", {"animals": "goats"})
        with pytest.raises(MCPError, match="needs values for animals"):
            await client.get_prompt("farm", {})
        with pytest.raises(MCPError, match="no system prompt 'barn'"):
            await client.get_prompt("barn", {})
        completed = await client.complete(PromptReference(name="farm"), {"name": "farmer", "value": "Mi"})
    said = filled.messages[0].content
    assert isinstance(said, TextContent)
    assert (filled.messages[0].role, said.text) == ("user", "You help Mira with goats.")
    assert completed.completion.values == ["Mira"]


async def test_prompts_come_in_pages(shop):
    mira = await shop.person()
    for name in "abcde":
        await add_prompt(shop, mira, name, "Hello.")
    async with mcp_client(shop, mira) as client:
        first = await client.list_prompts()
        second = await client.list_prompts(cursor=first.next_cursor)
    assert [prompt.name for prompt in [*first.prompts, *second.prompts]] == list("abcde")
    assert second.next_cursor is None


async def every(client: Client) -> list[Resource]:
    """Resources of all pages."""
    page = await client.list_resources()
    found = [*page.resources]
    while page.next_cursor is not None:
        page = await client.list_resources(cursor=page.next_cursor)
        found += page.resources
    return found


async def read(client: Client, uri: str) -> TextResourceContents:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content


@pytest.mark.parametrize("era", ERAS)
async def test_graphs_are_drawn(shop, era):
    async with mcp_client(shop, await shop.person(), era) as client:
        drawn = [resource for resource in await every(client) if resource.uri.endswith("/diagram")]
        diagram = await read(client, drawn[0].uri)
        with pytest.raises(MCPError, match="There is no graph"):
            await client.read_resource("hearth://graphs/nonsense/diagram")
        template = ResourceTemplateReference(uri="hearth://graphs/{graph}/diagram")
        name = drawn[0].uri.split("/")[3]
        assert name in (await client.complete(template, {"name": "graph", "value": name[:2]})).completion.values
    assert diagram.text.startswith("flowchart TD")
    assert diagram.mime_type == "text/vnd.mermaid"


async def test_documents_of_all_collections_are_listed_once(shop):
    mira = await shop.person()
    _, farm = await add_document(shop, mira, "a.txt", "goats")
    for number in range(3):
        await add_document(shop, mira, f"b{number}.txt", "sheep", farm)
    for number in range(2):
        await add_document(shop, mira, f"c{number}.txt", "cows")
    async with mcp_client(shop, mira) as client:
        found = [resource for resource in await every(client) if resource.mime_type == "text/plain"]
    assert sorted(resource.name for resource in found) == ["a.txt", "b0.txt", "b1.txt", "b2.txt", "c0.txt", "c1.txt"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_document_is_read_piece_by_piece(shop, era):
    mira = await shop.person()
    text = "0123456789" * 10_001
    document, _ = await add_document(shop, mira, "a.txt", text)
    async with mcp_client(shop, mira, era) as client:
        first = await read(client, f"hearth://documents/{document}")
        assert first.meta
        second = await read(client, first.meta["hearth/next"])
        templates = (await client.list_resource_templates()).resource_templates
    assert first.text + second.text == text
    assert first.meta["hearth/chars"] == len(text)
    assert "hearth/next" not in (second.meta or {})
    assert {template.name for template in templates} == {"document", "diagram", "file"}


@pytest.mark.parametrize(("era", "code"), [("legacy", -32002), ("2026-07-28", -32602)])
async def test_another_organisation_s_document_is_not_there(shop, era, code):
    document, _ = await add_document(shop, await shop.person(), "secret.txt", "the sheep are blue")
    async with mcp_client(shop, await shop.person(), era) as client:
        assert [resource for resource in await every(client) if "documents" in resource.uri] == []
        with pytest.raises(MCPError, match="There is no document") as refused:
            await client.read_resource(f"hearth://documents/{document}")
        assert refused.value.code == code
        with pytest.raises(MCPError, match="no such resource"):
            await client.read_resource("file:///etc/passwd")


async def test_what_has_no_completion_has_none(shop):
    async with mcp_client(shop, await shop.person()) as client:
        template = ResourceTemplateReference(uri="hearth://documents/{document_id}{?start}")
        assert (await client.complete(template, {"name": "document_id", "value": "a"})).completion.values == []

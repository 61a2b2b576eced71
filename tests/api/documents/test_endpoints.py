"""Collections and documents over HTTP, with a real database and a real index, and without anybody who does the jobs."""

from __future__ import annotations

import asyncio
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.documents.install import Library
from cluster.contracts.documents import Document
from cluster.contracts.perception import TokenSpansRequest
from cluster.contracts.retrieval import ChunkRecord, Filters, Point, Space, Span
from cluster.files import FileStore
from cluster.knowledge.shelf import Shelf
from cluster.knowledge.tables import Collection, DocumentRow
from cluster.settings import IngestSettings, Settings
from tests.api.fixtures.people import add_person
from tests.patience import PATIENCE_S

COLLECTIONS = "/api/v1/collections"
SPACE = Space("tiny", "float32", 4)


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def make(client: httpx.AsyncClient, **body: Any) -> str:
    return str(ok(await client.post(COLLECTIONS, json={"name": uuid.uuid4().hex, **body}))["id"])


async def upload(client: httpx.AsyncClient, collection: str, files: dict[str, bytes]) -> httpx.Response:
    return await client.post(f"{COLLECTIONS}/{collection}/documents", files=[("files", given) for given in files.items()])


async def states(client: httpx.AsyncClient, collection: str) -> dict[str, tuple[str, int]]:
    items = ok(await client.get(f"{COLLECTIONS}/{collection}/documents"))["items"]
    return {item["path"]: (item["state"], item["version"]) for item in items}


def kept(settings: Settings) -> set[Path]:
    return {path for path in Path(settings.home, "files", "documents").rglob("*") if path.is_file()}


async def test_what_is_uploaded_waits_for_one_job_that_has_not_begun(client):
    collection = await make(client)
    first = ok(await upload(client, collection, {"a/b.txt": b"Goats.", "c.md": b"# Wool"}))
    second = ok(await upload(client, collection, {"d.txt": b"Tides."}))
    assert first["job_id"] == second["job_id"]
    assert [document["outcome"] for document in first["documents"]] == ["new", "new"]
    assert await states(client, collection) == {"a/b.txt": ("pending", 1), "c.md": ("pending", 1), "d.txt": ("pending", 1)}
    job = ok(await client.get(f"/api/v1/jobs/{first['job_id']}"))
    assert (job["kind"], job["started_at"], job["spec"]) == ("ingest", None, {"collection": collection})
    assert ok(await client.get(f"{COLLECTIONS}/{collection}"))["documents"] == {"pending": 3}


async def test_the_same_content_is_left_alone_and_another_is_another_version(client, stores, store_settings):
    collection = await make(client)
    first = ok(await upload(client, collection, {"a.txt": b"Goats."}))
    before = kept(store_settings)
    waiting = ok(await upload(client, collection, {"a.txt": b"Goats."}))
    assert (waiting["job_id"], waiting["documents"][0]["outcome"]) == (first["job_id"], "unchanged")
    async with stores.database.session() as session:
        (await session.get_one(DocumentRow, uuid.UUID(first["documents"][0]["document_id"]))).state = "ready"
    again = ok(await upload(client, collection, {"a.txt": b"Goats."}))
    assert (again["job_id"], again["documents"][0]["outcome"]) == (None, "unchanged")
    assert kept(store_settings) == before
    changed = ok(await upload(client, collection, {"a.txt": b"More goats."}))["documents"][0]
    assert (changed["outcome"], changed["version"]) == ("changed", 2)
    assert len(kept(store_settings)) == len(before)
    content = await client.get(f"/api/v1/documents/{changed['document_id']}/content")
    assert content.content == b"More goats."
    assert content.headers["content-disposition"] == "attachment; filename*=UTF-8''a.txt"
    assert content.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../up.txt", "/etc/passwd", "a//b", "a\u202egpj.txt", "c:\\..\\x", "x" * 2000, " "])
async def test_a_name_that_leads_elsewhere_or_deceives_is_refused_and_nothing_is_kept(client, store_settings, name):
    collection = await make(client)
    before = kept(store_settings)
    answer = await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": name, "text": "Goats."})
    assert answer.status_code == 422, answer.text
    assert await states(client, collection) == {}
    assert kept(store_settings) == before


async def test_an_upload_that_is_refused_leaves_nothing(in_process, gateway, store_settings):
    async with in_process(gateway, Settings(ingest=IngestSettings(documents=2, file_bytes=1024))) as client:
        collection = await make(client)
        before = kept(store_settings)
        twice = [("files", ("a.txt", b"1")), ("files", ("a.txt", b"2"))]
        refused = [
            (await upload(client, collection, {f"{n}.txt": b"x" for n in range(3)}), 413),
            (await upload(client, collection, {"large.txt": b"x" * 2000}), 413),
            (await client.post(f"{COLLECTIONS}/{collection}/documents", files=twice), 422),
            (await client.post(f"{COLLECTIONS}/{collection}/documents", files={"file": ("a.txt", b"1")}), 400),
            (await client.post(f"{COLLECTIONS}/{collection}/documents", json={}), 415),
            (await upload(client, str(uuid.uuid4()), {"a.txt": b"x"}), 404),
        ]
        assert [answer.status_code for answer, _ in refused] == [status for _, status in refused]
        assert await states(client, collection) == {}
        assert kept(store_settings) == before


async def test_names_of_collections_are_unique_until_one_is_deleted(client, error):
    name = uuid.uuid4().hex
    first = await make(client, name=name)
    taken = await client.post(COLLECTIONS, json={"name": name})
    assert (taken.status_code, error(taken)["code"]) == (409, "conflict")
    assert ok(await client.delete(f"{COLLECTIONS}/{first}"))["done"] == "deleted"
    await make(client, name=name)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "embedding_model": "fake-embed"},
        {"name": "x", "chunking": {"size": 100, "overlap": 100}},
        {"name": "x", "chunking": {"strategy": "parents", "size": 4000, "parent_size": 100}},
        {"name": "x", "chunking": {"strategy": "tokens", "size": 257, "overlap": 0}},
        {"name": ""},
    ],
)
async def test_a_collection_that_cannot_be_is_refused(client, body):
    assert (await client.post(COLLECTIONS, json=body)).status_code == 422


async def test_chunks_in_tokens_are_no_longer_than_the_model_reads(client, error):
    collection = await make(client, chunking={"strategy": "tokens", "size": 256, "overlap": 20})
    refused = await client.patch(f"{COLLECTIONS}/{collection}", json={"chunking": {"strategy": "tokens", "size": 1000}})
    assert (refused.status_code, error(refused)["param"]) == (422, "chunking.size")
    assert "256" in error(refused)["message"]
    assert ok(await client.get(f"{COLLECTIONS}/{collection}"))["size"] == 256


async def test_a_collection_is_free_while_a_model_is_asked_how_it_may_be_cut(client, gateway, error, eventually):
    collection = await make(client)
    gateway.held = asyncio.Event()
    tokens = {"chunking": {"strategy": "tokens", "size": 100, "overlap": 0}}
    asking = asyncio.create_task(client.patch(f"{COLLECTIONS}/{collection}", json=tokens))
    await eventually(lambda: gateway.asked_for(TokenSpansRequest))
    async with asyncio.timeout(PATIENCE_S):
        ok(await client.patch(f"{COLLECTIONS}/{collection}", json={"description": "free", "chunking": {"size": 300, "overlap": 30}}))
    gateway.held.set()
    refused = await asking
    assert (refused.status_code, error(refused)["code"]) == (409, "conflict")
    kept = ok(await client.get(f"{COLLECTIONS}/{collection}"))
    assert (kept["description"], kept["strategy"], kept["size"]) == ("free", "sentences", 300)


@pytest.fixture
def vectors(client):
    """The index of the application, which is in this process."""
    return client._transport.app.state.parts.vectors


async def written(stores, vectors, client: httpx.AsyncClient, collection: str, text: str) -> tuple[str, str]:
    """A document with its text and a point of the index, as a job would leave it; its id and its organisation."""
    taken = ok(await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": "a.txt", "text": text}))["documents"][0]
    document = uuid.UUID(taken["document_id"])
    async with stores.database.session() as session:
        row = await session.get_one(DocumentRow, document)
        row.state = "ready"
        organisation = str(row.organisation_id)
        await Shelf(session, row.collection_id).keep(Document(str(document), 1, "a.txt", "text/plain", "h", text, ()), document)
    record = ChunkRecord(organisation, collection, str(document), 1, 0, text, Span(0, len(text)))
    await vectors.upsert(organisation, SPACE, [Point(record, None)])
    return str(document), organisation


async def test_a_span_of_what_was_read_opens(client, stores, vectors):
    collection = await make(client)
    document, _ = await written(stores, vectors, client, collection, "Goats climb. Wool is spun.")
    span = ok(await client.get(f"/api/v1/documents/{document}/text", params={"start": 13, "end": 26}))
    assert (span["text"], span["chars"], span["end"]) == ("Wool is spun.", 26, 26)
    assert (await client.get(f"/api/v1/documents/{document}/text", params={"start": 9, "end": 2})).status_code == 422
    waiting = ok(await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": "b.txt", "text": "Tides."}))["documents"][0]
    assert (await client.get(f"/api/v1/documents/{waiting['document_id']}/text")).status_code == 409


async def test_a_deleted_document_is_in_no_store(client, stores, vectors, store_settings):
    collection = await make(client)
    before = kept(store_settings)
    document, organisation = await written(stores, vectors, client, collection, "Goats climb.")
    assert ok(await client.delete(f"/api/v1/documents/{document}"))["done"] == "deleted"
    assert (await client.get(f"/api/v1/documents/{document}")).status_code == 404
    assert await vectors.count(organisation, SPACE, Filters(documents=(document,))) == 0
    assert kept(store_settings) == before
    async with stores.database.session() as session:
        assert await session.get(DocumentRow, uuid.UUID(document)) is None


async def test_a_deleted_collection_takes_everything_with_it(client, stores, vectors, store_settings):
    collection = await make(client)
    before = kept(store_settings)
    _, organisation = await written(stores, vectors, client, collection, "Goats climb.")
    assert ok(await client.delete(f"{COLLECTIONS}/{collection}"))["done"] == "deleted"
    assert (await client.get(f"{COLLECTIONS}/{collection}")).status_code == 404
    assert await vectors.count(organisation, SPACE, Filters(collections=(collection,))) == 0
    assert kept(store_settings) == before


async def test_a_removal_that_was_interrupted_is_taken_up(in_process, gateway, stores, store_settings):
    async with in_process(gateway, Settings(ingest=IngestSettings(sweep_s=0.05, unclaimed_s=0.01))) as client:
        collection, doomed = await make(client), await make(client)
        taken = ok(await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": "a.txt", "text": "Goats."}))["documents"][0]
        async with stores.database.session() as session:
            (await session.get_one(DocumentRow, uuid.UUID(taken["document_id"]))).state = "removing"
            (await session.get_one(Collection, uuid.UUID(doomed))).is_removing = True
        async with asyncio.timeout(PATIENCE_S):
            while await left(stores, uuid.UUID(collection), uuid.UUID(doomed)):  # noqa: ASYNC110 - the sweep does not know of us
                await asyncio.sleep(0.05)


async def left(stores, collection: uuid.UUID, doomed: uuid.UUID) -> bool:
    async with stores.database.session() as session:
        document = await session.scalar(select(DocumentRow.id).where(DocumentRow.collection_id == collection))
        return document is not None or await session.get(Collection, doomed) is not None


async def test_files_that_no_row_names_are_removed_and_others_stay(client, stores, vectors, store_settings):
    collection = await make(client)
    document, organisation = await written(stores, vectors, client, collection, "Goats climb.")
    files = FileStore(Path(store_settings.home, "files", "documents"))
    orphan = files.write(uuid.UUID(organisation), BytesIO(b"left"))
    library: Library = client._transport.app.state.library  # the application is in this process
    assert await library.remover.unclaimed_files(-1) >= 1
    assert not files.path(uuid.UUID(organisation), orphan.id).exists()
    assert (await client.get(f"/api/v1/documents/{document}/content")).status_code == 200


async def test_another_chunking_has_everything_indexed_again(client, stores, vectors):
    collection = await make(client)
    await written(stores, vectors, client, collection, "Goats climb.")
    answer = await client.patch(f"{COLLECTIONS}/{collection}", json={"chunking": {"size": 300, "overlap": 30}})
    assert (ok(answer)["size"], ok(answer)["documents"]) == (300, {"pending": 1})
    assert await states(client, collection) == {"a.txt": ("pending", 2)}


async def test_what_failed_is_tried_again_on_request(client, stores):
    collection = await make(client)
    taken = ok(await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": "a.txt", "text": "Goats."}))["documents"][0]
    async with stores.database.session() as session:
        (await session.get_one(DocumentRow, uuid.UUID(taken["document_id"]))).state = "failed"
    assert ok(await client.post(f"{COLLECTIONS}/{collection}/retry"))["documents"][0]["outcome"] == "changed"
    assert await states(client, collection) == {"a.txt": ("pending", 2)}
    assert ok(await client.post(f"{COLLECTIONS}/{collection}/retry")) == {"job_id": None, "documents": []}


async def test_pages_go_on_where_the_last_ended(client):
    collection = await make(client)
    ok(await upload(client, collection, {f"{n}.txt": str(n).encode() for n in range(5)}))
    seen, cursor = [], None
    while True:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ok(await client.get(f"{COLLECTIONS}/{collection}/documents", params=asked))
        seen += [item["path"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == [f"{n}.txt" for n in range(5)]


async def test_nobody_reaches_into_another_organisation(client, stores):
    collection = await make(client)
    taken = ok(await client.put(f"{COLLECTIONS}/{collection}/texts", json={"path": "a.txt", "text": "Goats."}))["documents"][0]
    other = await add_person(stores)
    for path in (f"{COLLECTIONS}/{collection}", f"/api/v1/documents/{taken['document_id']}/content"):
        assert (await client.get(path, headers=other.headers)).status_code == 404
    given = [("files", ("b.txt", b"x"))]
    answer = await client.post(f"{COLLECTIONS}/{collection}/documents", files=given, headers=other.headers)
    assert answer.status_code == 404

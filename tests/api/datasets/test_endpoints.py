"""Datasets over HTTP, while no job runs: what is taken, what is refused, what is seen and by whom."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from cluster.home import Home
from cluster.learning.datasets import mark_erased
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.store import Datasets
from cluster.learning.example import Source
from tests.api.conftest import error_of
from tests.api.fixtures.people import add_person

URL = "/api/v1/datasets"
LINE = b'{"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]}\n'
SOURCE = Source(kind="upload", id="file-1:1")
SHEET = {
    "dataset": "a|b <i>",
    "recipe": {"shape": "sft"},
    "counts": {"read": 3, "kept": 2, "train": 1, "held_out": 1},
    "sources": {"upload file-1": 3},
    "tasks": {"sums": {"train": 1, "held_out": 1, "answers": 2}},
    "dropped": {"duplicate": 1},
    "wrong": [{"place": "x, line 3", "problem": "bad"}],
    "personal_data": {"did": "mask", "examples": 0, "found": {}},
    "near_duplicates": {"clusters": 0, "examples": 0, "largest": 0, "held_out_clusters": 0},
    "contradictions": {
        "questions": 1,
        "did": "keep",
        "listed": [{"question": "q", "answers": [{"answer": "a", "votes": 2, "majority": True}]}],
    },
    "lengths": {"question_chars": {"least": 1, "median": 2, "p95": 3, "most": 4}},
    "warnings": ["Beware."],
}


async def upload(client: httpx.AsyncClient, content: bytes = LINE, purpose: str = "fine-tune") -> dict[str, str]:
    answer = await client.post("/v1/files", data={"purpose": purpose}, files={"file": ("sums.jsonl", content)})
    assert answer.status_code == 200, answer.text
    return {"kind": "upload", "file_id": answer.json()["id"]}


async def make(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    sources = fields.pop("sources", None) or [await upload(client)]
    answer = await client.post(URL, json={"name": uuid.uuid4().hex, "shape": "sft", "sources": sources} | fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


async def with_version(client: httpx.AsyncClient, stores, settings, editor) -> str:
    """The URL of a dataset that has one version."""
    made = await make(client)
    async with stores.database.session() as session:
        datasets = Datasets(session)
        row = await datasets.get(editor.organisation_id, uuid.UUID(made["id"]), lock=True)
        version = await datasets.add_version(row, {"sha256": "0" * 64, "train": 1, "held_out": 1, "datasheet": SHEET})
        await datasets.add_sources(version, [SOURCE])
    folder = DatasetFolders(Home(settings.home)).of(editor.organisation_id, row.id, version.sha256)
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"chosen": "5"}\n')
    (folder / "held_out.jsonl").write_text('{"chosen": "7"}\n')
    return f"{URL}/{made['id']}"


async def test_a_dataset_is_made_listed_and_deleted(client):
    first, second = await make(client, name="sums", task="maths", options={"held_out_share": 0.2}), await make(client)
    assert (first["task"], first["version"], first["options"]["held_out_share"], first["options"]["pii"]) == ("maths", 0, 0.2, "mask")
    assert (await client.get(f"{URL}/{first['id']}")).json()["data"] == first
    page = (await client.get(URL, params={"limit": 1})).json()["data"]
    assert page["items"] == [second]
    rest = (await client.get(URL, params={"limit": 1, "cursor": page["next_cursor"]})).json()["data"]
    assert (rest["items"], rest["next_cursor"]) == ([first], None)
    assert error_of(await client.post(URL, json={"name": "sums", "shape": "sft", "sources": first["sources"]}))["code"] == "conflict"
    assert (await client.delete(f"{URL}/{first['id']}")).status_code == 200
    assert (await client.get(f"{URL}/{first['id']}")).status_code == 404


async def test_there_are_only_so_many(client):
    sources = [await upload(client)]
    for _ in range(3):
        await make(client, sources=sources)
    answer = await client.post(URL, json={"name": "one more", "shape": "sft", "sources": sources})
    assert (answer.status_code, "datasets.per_organisation" in error_of(answer)["message"]) == (413, True)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"name": ""}, "name"),
        ({"shape": "rlhf"}, "shape"),
        ({"task": "Two Words"}, "task"),
        ({"sources": []}, "sources"),
        ({"sources": [{"kind": "dream"}]}, "sources.0"),
        ({"sources": [{"kind": "upload"}]}, "sources.0"),
        ({"sources": [{"kind": "feedback", "since": "soon"}]}, "sources.0"),
        ({"options": {"held_out_share": 0.9}}, "options.held_out_share"),
        ({"options": {"held_out_share": 0}}, "options.held_out_share"),
        ({"options": {"pii": "sell"}}, "options.pii"),
        ({"options": {"pii_kinds": []}}, "options.pii_kinds"),
        ({"options": {"near_duplicates": True}}, "options.near_duplicates"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_is_wrong_is_refused_and_named(client, changes, param):
    right = {"name": "sums", "shape": "sft", "sources": [await upload(client)]}
    answer = await client.post(URL, json=right | changes)
    assert (answer.status_code, error_of(answer)["param"].startswith(param)) == (422, True), answer.text


async def test_sources_must_be_there_and_meant_for_it(client, client_of, stores):
    async with client_of(await add_person(stores)) as other:
        theirs = await upload(other)
    cases = [
        (theirs, 404, "GET /v1/files"),
        ({"kind": "upload", "file_id": "what"}, 404, "begin with 'file-'"),
        (await upload(client, purpose="user_data"), 422, "upload it with 'fine-tune'"),
    ]
    for source, status, words in cases:
        answer = await client.post(URL, json={"name": "sums", "shape": "sft", "sources": [source]})
        assert (answer.status_code, words in error_of(answer)["message"]) == (status, True), answer.text


async def test_building_is_a_job(client):
    made = await make(client)
    answer = await client.post(f"{URL}/{made['id']}/versions")
    assert answer.status_code == 200
    build = answer.json()["data"]
    job = (await client.get(f"/api/v1/jobs/{build['job_id']}")).json()["data"]
    assert (job["kind"], job["state"], job["spec"]) == ("datasets.build", "queued", {"dataset": made["id"]})
    assert (await client.get(f"{URL}/{made['id']}/versions")).json()["data"] == []
    assert (await client.delete(f"/v1/files/{made['sources'][0]['file_id']}")).status_code == 200
    assert (await client.post(f"{URL}/{made['id']}/versions")).status_code == 404


async def test_a_version_is_read_with_its_sheet_and_files(client, stores, settings, editor):
    url = await with_version(client, stores, settings, editor)
    (listed,) = (await client.get(f"{url}/versions")).json()["data"]
    assert (await client.get(f"{url}/versions/1")).json()["data"] == listed
    assert (listed["version"], listed["train"], listed["held_out"], listed["contains_erased"]) == (1, 1, 1, 0)
    assert (await client.get(f"{url}/versions", params={"below": 1})).json()["data"] == []
    assert (await client.get(f"{url}/versions/1/datasheet")).json()["data"] == SHEET
    text = await client.get(f"{url}/versions/1/datasheet", params={"format": "markdown"})
    assert text.headers["content-type"].startswith("text/markdown")
    for words in ("# a\\|b &lt;i>", "2 examples of 3 read", "| duplicate | 1 |", "x, line 3", "    - a: 2 (majority)", "- Beware."):
        assert words in text.text
    split = await client.get(f"{url}/versions/1/splits/held_out")
    assert (split.text, split.headers["content-length"]) == ('{"chosen": "7"}\n', "16")
    assert "held_out.jsonl" in split.headers["content-disposition"]
    assert (await client.get(f"{url}/versions/1/splits/test")).status_code in {400, 422}
    assert "the latest is 1" in error_of(await client.get(f"{url}/versions/2"))["message"]


async def test_a_version_with_erased_words_is_given_out_no_longer(client, stores, settings, editor):
    url = await with_version(client, stores, settings, editor)
    async with stores.database.session() as session:
        await mark_erased(session, editor.organisation_id, [SOURCE])
    assert (await client.get(f"{url}/versions/1")).json()["data"]["contains_erased"] == 1
    for path in ("datasheet", "splits/train"):
        assert error_of(await client.get(f"{url}/versions/1/{path}"))["code"] == "conflict"


async def test_files_go_with_their_version_and_their_dataset(client, stores, settings, editor):
    url = await with_version(client, stores, settings, editor)
    folder = Home(settings.home).files / "datasets" / str(editor.organisation_id)
    assert len(list(folder.glob("*/*"))) == 1
    assert (await client.delete(f"{url}/versions/1")).status_code == 200
    assert list(folder.glob("*/*")) == []
    assert (await client.get(f"{url}/versions/1")).status_code == 404
    assert (await client.delete(url)).status_code == 200
    assert list(folder.glob("*")) == []


async def test_nobody_reaches_into_another_organisation(client, client_of, stores, settings, editor):
    url = await with_version(client, stores, settings, editor)
    async with client_of(await add_person(stores)) as other:
        assert (await other.get(URL)).json()["data"]["items"] == []
        for path in ("", "/versions", "/versions/1", "/versions/1/datasheet", "/versions/1/splits/train"):
            assert (await other.get(url + path)).status_code == 404, path
        for path in ("", "/versions/1"):
            assert (await other.delete(url + path)).status_code == 404, path
        assert (await other.post(f"{url}/versions")).status_code == 404


async def test_who_may_only_look_sees_no_words(client, client_of, stores, settings, editor, viewer):
    url = await with_version(client, stores, settings, editor)
    async with client_of(viewer) as looking:
        assert (await looking.get(f"{url}/versions/1")).status_code == 200
        for path in ("datasheet", "splits/train"):
            assert (await looking.get(f"{url}/versions/1/{path}")).status_code == 403
        assert (await looking.post(f"{url}/versions")).status_code == 403

"""Files over HTTP: with the official client, with forms that are wrong, and by those who may not."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import httpx
import openai
import pytest

from api.web.principal import Role
from cluster.batches.files import file_store
from cluster.files import FileStore
from cluster.home import Home
from cluster.settings import FileSettings
from tests.api.conftest import error_of
from tests.api.fixtures.batching import World
from tests.api.fixtures.people import add_person

KEPT = {"purpose": "user_data"}


def online(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{world.base_url}/v1", headers=world.person.headers, timeout=20)


def on_disk(world: World) -> list[Path]:
    return [path for path in (world.settings.home / "files").rglob("*") if path.is_file()]


async def test_a_file_is_kept_found_read_and_removed(made):
    async with made() as world:
        content = b"first\nsecond \xff\n"
        kept = await world.ai.files.create(file=("goats \u00fc.txt", content), purpose="user_data")
        assert (kept.object, kept.bytes, kept.filename, kept.purpose, kept.status) == (
            "file",
            len(content),
            "goats \u00fc.txt",
            "user_data",
            "processed",
        )
        assert kept.expires_at is None
        assert await world.ai.files.retrieve(kept.id) == kept
        assert (await world.ai.files.content(kept.id)).content == content
        assert [file.id async for file in world.ai.files.list()] == [kept.id]
        removed = await world.ai.files.delete(kept.id)
        assert (removed.id, removed.deleted) == (kept.id, True)
        with pytest.raises(openai.NotFoundError):
            await world.ai.files.retrieve(kept.id)
        assert on_disk(world) == []


async def test_requests_expire_and_so_does_what_is_told_to(made):
    async with made() as world:
        requests = await world.ai.files.create(file=b"{}", purpose="batch")
        assert requests.expires_at == pytest.approx(requests.created_at + 30 * 86400, abs=5)
        told = await world.ai.files.create(file=b"x", purpose="evals", expires_after={"anchor": "created_at", "seconds": 3600})
        assert told.expires_at == pytest.approx(told.created_at + 3600, abs=5)


async def test_a_list_is_read_page_by_page(made):
    async with made() as world:
        ids = [
            (await world.ai.files.create(file=(f"{number}", b"x"), purpose=purpose)).id
            for number, purpose in enumerate(("batch", "vision") * 3)
        ]
        assert [file.id async for file in world.ai.files.list(limit=2)] == ids[::-1]
        assert [file.id async for file in world.ai.files.list(limit=4, order="asc")] == ids
        assert [file.id async for file in world.ai.files.list(limit=2, purpose="vision")] == ids[::-2]
        page = await world.ai.files.list(limit=2, after=ids[3])
        assert [file.id for file in page.data] == [ids[2], ids[1]]


async def test_a_large_file_passes_through_the_disk(made):
    async with made() as world:
        content = bytes(range(256)) * 2**14
        kept = await world.ai.files.create(file=io.BytesIO(content), purpose="assistants")
        assert (await world.ai.files.content(kept.id)).content == content


@pytest.mark.parametrize(
    ("data", "files", "status", "param"),
    [
        ({}, {"file": ("a", b"x")}, 400, "purpose"),
        ({"purpose": "x"}, {"file": ("a", b"x")}, 400, "purpose"),
        ({"purpose": "batch_output"}, {"file": ("a", b"x")}, 400, "purpose"),
        (KEPT | {"surprise": "1"}, {"file": ("a", b"x")}, 400, "surprise"),
        (KEPT | {"file": "text"}, {"other": ("a", b"x")}, 400, "file"),
        (KEPT, {"other": ("a", b"x")}, 400, "other"),
        (KEPT, {"file": ("a", b"")}, 422, "file"),
        (KEPT, {"file": ("a", b"x" * 2000)}, 413, "file"),
        (KEPT | {"expires_after[anchor]": "created_at"}, {"file": ("a", b"x")}, 400, None),
        (KEPT | {"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, {"file": ("a", b"x")}, 400, "expires_after[anchor]"),
        (
            KEPT | {"expires_after[anchor]": "created_at", "expires_after[seconds]": "1"},
            {"file": ("a", b"x")},
            400,
            "expires_after[seconds]",
        ),
    ],
)
async def test_a_form_that_is_wrong_is_refused_and_leaves_nothing(made, data, files, status, param):
    async with made(files=FileSettings(file_bytes=1000)) as world, online(world) as client:
        answer = await client.post("/files", data=data, files=files)
        assert answer.status_code == status, answer.text
        assert error_of(answer)["param"] == param
        assert on_disk(world) == []


async def test_what_is_no_form_is_refused(made):
    async with made() as world, online(world) as client:
        assert (await client.post("/files", json=KEPT)).status_code == 415
        broken = await client.post("/files", content=b"--y", headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert broken.status_code == 400
        two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
        assert (await client.post("/files", data=KEPT, files=two)).status_code == 400


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 10_001}, {"order": "up"}, {"surprise": 1}])
async def test_a_list_is_asked_for_rightly(made, query):
    async with made() as world, online(world) as client:
        assert (await client.get("/files", params=query)).status_code == 400


@pytest.mark.parametrize("name", ["file-" + "0" * 32, "file-x", "batch_" + "0" * 32, "..%2f..", "x" * 64])
async def test_an_id_that_is_none_is_not_found(made, name):
    async with made() as world, online(world) as client:
        for answer in (
            await client.get(f"/files/{name}"),
            await client.get(f"/files/{name}/content"),
            await client.delete(f"/files/{name}"),
            await client.get("/files", params={"after": name}),
        ):
            assert answer.status_code == 404, answer.text


async def test_names_that_mean_harm_are_only_names(made):
    async with made() as world:
        for name in ("../../etc/passwd", "..\\..\\boot.ini", "a\r\nX-Evil: 1", "\u202egpj.exe", "x" * 2000):
            kept = await world.ai.files.create(file=(name, b"x"), purpose="user_data")
            assert "/" not in kept.filename
            assert "\\" not in kept.filename
            assert len(kept.filename) <= 512
            response = await world.ai.files.content(kept.id)
            assert response.content == b"x"
            assert "x-evil" not in response.response.headers
        assert {path.parent.parent.name for path in on_disk(world)} == {str(world.person.organisation_id)}


async def test_files_are_their_organisation_s(made, stores):
    async with made() as world:
        kept = await world.upload(["x"])
        async with world.as_somebody(await add_person(stores)) as other:
            for refused in (
                other.ai.files.retrieve(kept),
                other.ai.files.content(kept),
                other.ai.files.delete(kept),
                other.ai.files.list(after=kept),
            ):
                with pytest.raises(openai.NotFoundError):
                    await refused
            assert (await other.ai.files.list()).data == []
        async with world.as_somebody(await add_person(stores, Role.VIEWER, world.person)) as viewer:
            assert (await viewer.ai.files.retrieve(kept)).id == kept
            with pytest.raises(openai.PermissionDeniedError):
                await viewer.upload(["x"])
        async with world.as_somebody(await add_person(stores, Role.EDITOR, world.person)) as editor:
            with pytest.raises(openai.PermissionDeniedError):
                await editor.ai.files.delete(kept)
            assert (await world.ai.files.delete(await editor.upload(["x"]))).deleted


async def test_an_organisation_has_so_many_files_and_so_many_bytes(made):
    async with made(files=FileSettings(per_organisation=2, organisation_bytes=10)) as world:
        await world.ai.files.create(file=b"12345", purpose="vision")
        with pytest.raises(openai.APIStatusError, match="organisation_bytes") as full:
            await world.ai.files.create(file=b"123456", purpose="vision")
        assert full.value.status_code == 413
        await world.ai.files.create(file=b"12345", purpose="vision")
        with pytest.raises(openai.APIStatusError, match="per_organisation"):
            await world.ai.files.create(file=b"1", purpose="vision")


async def test_a_file_whose_bytes_are_gone_is_not_found(made):
    async with made() as world:
        kept = await world.upload(["x"])
        (path,) = on_disk(world)
        path.unlink()
        with pytest.raises(openai.NotFoundError):
            await world.ai.files.content(kept)


async def test_the_store_is_apart_from_that_of_documents(tmp_path):
    home = Home(tmp_path)
    file_store(home).write(uuid.uuid4(), io.BytesIO(b"x"))
    assert list(FileStore(home.files).leftovers(0)) == []
    assert len(list(file_store(home).leftovers(0))) == 1

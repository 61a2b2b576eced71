"""Folders, buckets, mailboxes and repositories."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.pack import write_pack_objects
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from dulwich.server import DictBackend
from dulwich.web import WSGIRequestHandlerLogger, WSGIServerLogger, make_wsgi_chain
from sqlalchemy import select

from cluster.connectors.packs import files_of
from cluster.errors import AddressRefused, NotFound, RemoteFailed, TooLarge, Unprocessable
from cluster.fakes.bucket import Bucket
from cluster.fakes.mailbox import MailServer
from cluster.outgoing.tables import OutgoingRequest
from tests.cluster.connectors.conftest import listed

MAIL = b"Subject: Tides =?utf-8?q?=E2=82=AC?=\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nFrom: a@b.example\r\n\r\nAt noon.\r\n"


async def test_a_folder_is_read_without_what_leads_out_of_it(opening, tmp_path):
    root = tmp_path / "open"
    (root / "b").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("hush")
    (root / "a.txt").write_text("one")
    (root / "b" / "c.md").write_text("two")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.txt")
    async with opening("folder", {"folder": str(root)}, folders=(root,)) as source:
        items = await listed(source)
        assert [(item.id, item.path) for item in items] == [("a.txt", "open/a.txt"), ("b/c.md", "open/b/c.md")]
        assert (await source.fetch("b/c.md")).content == b"two"
        assert await source.fetch("a.txt", items[0].mark) is None
        for way in ("link.txt", "up/secret.txt", "../secret.txt", "/etc/passwd", "b", "pipe.txt", "b/../a.txt", "", "a\x00", "none"):
            with pytest.raises(NotFound):
                await source.fetch(way)
    async with opening("folder", {"folder": str(root / "b"), "suffixes": [".txt"]}, folders=(root,)) as source:
        assert await listed(source) == []


@pytest.mark.parametrize("folder", ["", "..", "relative", "/etc", "{root}/..", "{root}/none", "{root}/away", "{root}-other"])
def test_a_folder_that_the_operator_did_not_name_is_refused(ground, tmp_path, folder):
    from cluster.connectors.folder import allowed

    root = tmp_path / "open"
    root.mkdir()
    (tmp_path / "open-other").mkdir()
    (root / "away").symlink_to(tmp_path)
    with pytest.raises(Unprocessable, match=r"connectors\.folders"):
        allowed(folder.format(root=root) or "nowhere", (root,))


async def test_a_file_over_the_limit_is_not_taken(opening, tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(2000))
    async with opening("folder", {"folder": str(tmp_path)}, folders=(tmp_path,), item_bytes=1024) as source:
        with pytest.raises(TooLarge):
            await source.fetch("a.txt")


async def test_a_bucket_is_listed_page_by_page_and_its_objects_read(opening):
    objects = {"a/one.txt": b"one", "a/two.md": b"two", "b/three.txt": b"three", "a/": b"", "c.txt": b"c" * 5000}
    async with Bucket(objects) as bucket:
        told = {"endpoint": bucket.url, "bucket": "tides"}
        async with opening("s3", told, item_bytes=4096) as source:
            items = {item.id: item for item in await listed(source)}
            assert list(items) == ["a/one.txt", "a/two.md", "b/three.txt", "c.txt"]
            assert items["a/one.txt"].path == "tides/a/one.txt"
            assert "larger" in str(items["c.txt"].problem)
            found = await source.fetch("a/one.txt")
            assert (found.content, found.mark) == (b"one", items["a/one.txt"].mark)
            assert await source.fetch("a/one.txt", found.mark) is None
            with pytest.raises(NotFound):
                await source.fetch("a/none")
            with pytest.raises(TooLarge):
                await source.fetch("c.txt")
        async with opening("s3", told | {"prefix": "a/", "suffixes": [".md"]}) as source:
            assert [item.id for item in await listed(source)] == ["a/two.md"]
        async with opening("s3", told | {"bucket": "other"}) as source:
            with pytest.raises(NotFound):
                await listed(source)


async def test_a_bucket_is_shown_its_keys_and_nobody_else_is(opening, ground, stores):
    async with Bucket({"a.txt": b"one"}, access_key="AKIA") as bucket:
        told = {"endpoint": bucket.url, "bucket": "tides"}
        async with opening("s3", told) as source:
            with pytest.raises(RemoteFailed, match="AccessDenied"):
                await listed(source)
        keys = {"access_key": "AKIA", "secret_key": "secret:S3"}
        async with opening("s3", told | keys, secrets={"secret_key": "hush"}) as source:
            assert (await source.fetch("a.txt")).content == b"one"
    chosen = select(OutgoingRequest).where(OutgoingRequest.organisation_id == ground.person.organisation_id)
    async with stores.database.session() as session:
        rows = list(await session.scalars(chosen))
    assert {row.purpose for row in rows} == {"connector:s3"}
    assert "hush" not in str([row.__dict__ for row in rows])


@pytest.mark.parametrize("more", [{"access_key": "AKIA"}, {"endpoint": "http://127.0.0.1/path"}])
async def test_a_bucket_that_cannot_be_is_refused(opening, more):
    with pytest.raises(Unprocessable):
        async with opening("s3", {"bucket": "tides"} | more):
            """It is not come to."""


async def test_a_bucket_at_an_address_that_is_not_public_is_not_asked(opening):
    async with opening("s3", {"endpoint": "http://10.0.0.1:9000", "bucket": "tides"}) as source:
        with pytest.raises(AddressRefused):
            await listed(source)


def mail_options(server: MailServer, **more: object) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "ada", "password": "secret:MAIL"} | more


async def test_a_mailbox_is_read_and_not_changed(opening, ground, stores):
    async with MailServer({3: MAIL, 9: MAIL.replace(b"noon", b"dusk")}) as server:
        async with opening("imap", mail_options(server), secrets={"password": "hush"}) as source:
            first, second = await listed(source)
            assert (first.id, first.title, first.path) == ("7.3", "Tides €", "INBOX/3 Tides €.eml")
            assert str(first.updated_at) == "2026-11-02 10:00:00+00:00"
            assert (await source.fetch(second.id)).content == MAIL.replace(b"noon", b"dusk")
            assert await source.fetch(first.id, first.mark) is None
            for name in ("7.4", "8.3", "7.x", "x"):
                with pytest.raises(NotFound):
                    await source.fetch(name)
        assert not [words for words in server.said if words.startswith(("SELECT", "STORE", "UID STORE", "EXPUNGE"))]
        assert all("PEEK" in words for words in server.said if "FETCH" in words)
    chosen = select(OutgoingRequest).where(OutgoingRequest.organisation_id == ground.person.organisation_id)
    async with stores.database.session() as session:
        (row,) = list(await session.scalars(chosen))
    assert (row.method, row.address, row.error) == ("IMAP", "127.0.0.1", None)
    assert row.finished_at is not None


async def test_a_mailbox_that_cannot_be_read_says_why_and_never_the_password(opening):
    async with MailServer({3: MAIL}) as server:
        async with opening("imap", mail_options(server), secrets={"password": "wrong"}) as source:
            with pytest.raises(RemoteFailed, match="refuses") as refused:
                await listed(source)
            assert "'wrong'" not in str(refused.value)
        async with opening("imap", mail_options(server, mailbox="Other"), secrets={"password": "hush"}) as source:
            with pytest.raises(NotFound):
                await listed(source)
        server.claims = 10**12
        async with opening("imap", mail_options(server), secrets={"password": "hush"}) as source:
            with pytest.raises(TooLarge):
                await source.fetch("7.3")
    async with opening("imap", mail_options(server, host="10.0.0.1"), secrets={"password": "hush"}) as source:
        with pytest.raises(AddressRefused):
            await listed(source)


def repository(files: dict[str, bytes]) -> MemoryRepo:
    """One commit on the branch `main` with these files, and a link."""
    repo, folders = MemoryRepo(), dict[str, Tree]()
    for path, content in files.items():
        folder, _, name = path.rpartition("/")
        blob = Blob.from_string(content)
        repo.object_store.add_object(blob)
        folders.setdefault(folder, Tree()).add(name.encode(), 0o100644, blob.id)
    root = folders.setdefault("", Tree())
    link = Blob.from_string(b"/etc/passwd")
    repo.object_store.add_object(link)
    root.add(b"link", 0o120000, link.id)
    for name, tree in folders.items():
        repo.object_store.add_object(tree)
        if name:
            root.add(name.encode(), 0o040000, tree.id)
    repo.object_store.add_object(root)
    commit = Commit()
    commit.tree, commit.author, commit.committer, commit.message = root.id, b"a <a@b>", b"a <a@b>", b"all"
    commit.author_time = commit.commit_time = commit.author_timezone = commit.commit_timezone = 0
    repo.object_store.add_object(commit)
    repo.refs[Ref(b"refs/heads/main")] = commit.id
    repo.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(b"refs/heads/main"))
    return repo


@contextmanager
def git_server(repo: MemoryRepo) -> Iterator[str]:
    backends: Any = {"/bay.git": repo}
    app = make_wsgi_chain(DictBackend(backends))
    server = make_server("127.0.0.1", 0, app, WSGIServerLogger, WSGIRequestHandlerLogger)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/bay.git"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_repository_s_files_are_those_of_its_branch(opening):
    with git_server(repository({"README.md": b"# Bay", "docs/tides.md": b"At noon.", "x.bin": bytes(3000)})) as url:
        async with opening("git", {"url": url, "branch": "main"}, item_bytes=2048) as source:
            items = {item.id: item for item in await listed(source)}
            assert list(items) == ["README.md", "docs/tides.md", "x.bin"]
            assert items["docs/tides.md"].path == "bay/docs/tides.md"
            assert items["x.bin"].problem is not None
            assert (await source.fetch("docs/tides.md")).content == b"At noon."
            assert await source.fetch("README.md", items["README.md"].mark) is None
            for name in ("none", "link", "docs"):
                with pytest.raises(NotFound):
                    await source.fetch(name)
        async with opening("git", {"url": url, "suffixes": [".md"]}, transfer_bytes=20_000) as source:
            assert len(await listed(source)) == 2
        async with opening("git", {"url": url, "branch": "none"}) as source:
            with pytest.raises(NotFound, match="no 'none'"):
                await listed(source)


async def test_what_is_no_repository_is_said_to_be_none(opening, outside):
    async with opening("git", {"url": f"{outside.url}/nothing"}) as source:
        with pytest.raises(NotFound):
            await listed(source)
    async with opening("git", {"url": "http://10.0.0.1/x.git"}) as source:
        with pytest.raises(AddressRefused):
            await listed(source)


def test_a_pack_that_is_broken_or_too_large_inside_is_refused():
    repo = repository({"a": b"a" * 100_000})
    head = repo.refs[Ref(b"HEAD")]
    pack = bytearray()
    write_pack_objects(
        lambda piece: pack.extend(piece), [(repo[ObjectID(sha)], None) for sha in repo.object_store], object_format=repo.object_format
    )
    assert [file.path for file in files_of(bytes(pack), head, 10**6, 10**6, 10)] == ["a"]
    with pytest.raises(TooLarge):
        files_of(bytes(pack), head, 1000, 10**6, 10)
    with pytest.raises(Unprocessable):
        files_of(bytes(pack[:-30]), head, 10**6, 10**6, 10)
    with pytest.raises(Unprocessable):
        files_of(bytes(pack), b"0" * 40, 10**6, 10**6, 10)

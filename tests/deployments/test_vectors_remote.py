"""What is particular to an index on a server: that it may be away, refuse, or hold what is not ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from qdrant_client import AsyncQdrantClient, models

from cluster.errors import ConfigError, EngineError, Unavailable
from cluster.fakes.loopback import LoopbackServer
from cluster.runtime.ports import free_ports
from cluster.serving.vectors import VectorsArgs
from cluster.settings import VectorSettings
from deployments.engines.qdrant_keywords import keywords
from deployments.vectors import build
from deployments.vectors_remote import RemoteVectors
from tests.deployments.fixtures.knowledge import OURS, SPACE, numbered, point

# What the client that stands in for a server says it does without, and what it says of a key without TLS.
WARNINGS = (
    "ignore:Payload indexes have no effect",
    "ignore:Local mode performs exact",
    "ignore:Api key is used with an insecure connection",
)
pytestmark = [pytest.mark.filterwarnings(one) for one in WARNINGS]
KEY = "a-key-that-nobody-may-read"


@dataclass(kw_only=True)
class Answering(LoopbackServer):
    """A server that answers everything with one status. ``keys``: those it was shown."""

    status: int = 503

    def application(self) -> web.Application:
        self.keys: set[str | None] = set()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("api-key"))
        return web.json_response({"status": {"error": "because"}}, status=self.status)


@dataclass(kw_only=True)
class Losing(LoopbackServer):
    """A server on which somebody else was first to make an index, in German, and whose points are gone while ``gone``. ``written``: the
    words of what was written, by their numbers. ``made``: how often an index was to be made."""

    gone: bool = False

    def application(self) -> web.Application:
        self.written: list[list[int]] = []
        self.made = 0
        application = web.Application()
        application.router.add_get("/collections", self._names)
        application.router.add_get("/collections/{name}", self._shown)
        application.router.add_put("/collections/{name}", self._taken)
        application.router.add_put("/collections/{name}/index", self._fine)
        application.router.add_put("/collections/{name}/points", self._write)
        return application

    async def _names(self, _: web.Request) -> web.Response:
        return _said({"collections": []})

    async def _shown(self, _: web.Request) -> web.Response:
        metadata = {"model": SPACE.model, "variant": SPACE.variant, "dimensions": SPACE.dimensions, "language": "german"}
        config = {
            "params": {},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 100},
            "optimizer_config": {
                "default_segment_number": 0,
                "flush_interval_sec": 5,
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 9,
            },
            "metadata": metadata,
        }
        return _said({"status": "green", "optimizer_status": "ok", "segments_count": 1, "config": config, "payload_schema": {}})

    async def _taken(self, _: web.Request) -> web.Response:
        self.made += 1
        return web.json_response({"status": {"error": "it exists"}}, status=409)

    async def _fine(self, _: web.Request) -> web.Response:
        return _said({"operation_id": 1, "status": "completed"})

    async def _write(self, request: web.Request) -> web.Response:
        if self.gone:
            return web.json_response({"status": {"error": "no such collection"}}, status=404)
        self.written += [point["vector"]["sparse"]["indices"] for point in (await request.json())["points"]]
        return await self._fine(request)


def _said(result: dict[str, Any]) -> web.Response:
    return web.json_response({"result": result, "status": "ok", "time": 0.0})


def args_for(folder: Path, url: str) -> VectorsArgs:
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(f"{KEY}\n")
    return VectorsArgs(folder=str(folder), settings=VectorSettings(server_url=url, server_key_file=key))


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (429, Unavailable), (403, EngineError)])
async def test_a_server_that_cannot_is_told_from_one_that_will_not(tmp_path: Path, status: int, kind: type[Exception]) -> None:
    async with Answering(status=status) as server:
        vectors = RemoteVectors(args_for(tmp_path, server.url))
        with pytest.raises(kind, match="Qdrant server") as refused:
            await vectors.upsert(OURS, SPACE, numbered(1))
        await vectors.close()
        assert server.keys == {KEY}
    assert KEY not in str(refused.value)


async def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    vectors = RemoteVectors(args_for(tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}"))
    with pytest.raises(Unavailable, match=r"does not answer.*retry in"):
        await vectors.spaces()
    await vectors.close()


async def test_collections_of_others_are_left_alone_and_one_that_looks_like_ours_is_named(tmp_path: Path) -> None:
    client = AsyncQdrantClient(":memory:")
    vectors = RemoteVectors(args_for(tmp_path, "http://127.0.0.1:6333"), lambda _settings: client)
    plain = models.VectorParams(size=4, distance=models.Distance.DOT)
    await client.create_collection("shop", vectors_config=plain)
    await vectors.upsert(OURS, SPACE, numbered(3))
    assert [state.points for state in await vectors.spaces()] == [3]
    assert await vectors.delete_organisation(OURS) == 3
    await client.create_collection("hearth-shop", vectors_config=plain)
    with pytest.raises(EngineError, match=r"vectors\.server_prefix"):
        await vectors.spaces()
    await vectors.close()


async def test_two_that_make_an_index_at_once_have_the_same(tmp_path: Path) -> None:
    client = AsyncQdrantClient(":memory:")
    one, two = [RemoteVectors(args_for(tmp_path, "http://127.0.0.1:6333"), lambda _settings: client) for _ in range(2)]
    await one.upsert(OURS, SPACE, numbered(3))
    await two.upsert(OURS, SPACE, numbered(5))
    assert await one.count(OURS, SPACE) == 5
    await client.close()


async def test_who_comes_second_writes_words_as_the_first_does(tmp_path: Path) -> None:
    goats = point("one", 0, "Die Ziegen klettern", "goats")
    async with Losing() as server:
        vectors = RemoteVectors(args_for(tmp_path, server.url))
        await vectors.upsert(OURS, SPACE, [goats])
        await vectors.close()
    assert [set(words) for words in server.written] == [set(keywords("german").embed_document(goats.chunk.text).indices)]


async def test_an_index_that_was_deleted_on_the_server_is_made_again_by_the_next_write(tmp_path: Path) -> None:
    async with Losing() as server:
        vectors = RemoteVectors(args_for(tmp_path, server.url))
        await vectors.upsert(OURS, SPACE, numbered(1))
        assert server.made == 1
        server.gone = True
        with pytest.raises(EngineError, match=r"is gone.*again"):
            await vectors.upsert(OURS, SPACE, numbered(1))
        server.gone = False
        assert await vectors.upsert(OURS, SPACE, numbered(2)) == 2
        assert server.made == 2
        await vectors.close()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    args = args_for(tmp_path, "http://127.0.0.1:6333")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        RemoteVectors(args)


@pytest.mark.parametrize(("url", "kept"), [(None, "Vectors"), ("http://127.0.0.1:6333", "RemoteVectors")])
def test_the_application_is_the_one_that_the_settings_ask_for(tmp_path: Path, url: str | None, kept: str) -> None:
    application = build(VectorsArgs(folder=str(tmp_path), settings=VectorSettings(server_url=url)).model_dump(mode="json"))
    assert kept in repr(application._bound_deployment.func_or_class)

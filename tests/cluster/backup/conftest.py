"""A Hearth that somebody has lived in: real stores, rows, a sealed secret, keys, a catalog entry; and backups of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from cluster.backup.create import Made, backup
from cluster.backup.running import stores_of
from cluster.home import Home
from cluster.runtime.launch import Launch, launch_file
from cluster.runtime.state import RunState, write_atomically, write_state
from cluster.secrets.keyring import KeyRing
from cluster.secrets.source import about
from cluster.serving.args import LedgerArgs
from cluster.serving.vectors import VectorsArgs
from cluster.settings import Settings
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate
from cluster.stores.urls import database_url, redis_url
from deployments.vectors import Vectors
from tests.deployments.fixtures.knowledge import OURS, SPACE, numbered

PASSPHRASE = "four words make one"
ORGANISATION, SECRET = uuid.uuid4(), uuid.uuid4()


@dataclass(frozen=True)
class Place:
    """A home whose stores answer."""

    settings: Settings

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    @property
    def ring(self) -> KeyRing:
        return KeyRing(self.home.keys / "secrets.key")

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(database_url(self.settings).replace("+psycopg", ""), autocommit=True)

    def rows(self, statement: str, *values: object) -> list[Any]:
        with self.connect() as connection:
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []

    @contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        client = redis.Redis.from_url(redis_url(self.settings))
        yield client
        client.close()

    def secret(self) -> str:
        """The stored secret, opened."""
        ((version, sealed),) = self.rows("SELECT key_version, sealed FROM secret_versions WHERE secret_id = %s", SECRET)
        return self.ring.open(version, sealed, about(ORGANISATION, "openai", 1))


def furnish(place: Place) -> None:
    home = place.home
    place.rows("INSERT INTO organisations (id, name) VALUES (%s, 'Ashes & Sons')", ORGANISATION)
    place.rows(
        "INSERT INTO secrets (id, organisation_id, name, description, version) VALUES (%s, %s, 'openai', '', 1)", SECRET, ORGANISATION
    )
    version, sealed = place.ring.seal("sk-a-real-one", about(ORGANISATION, "openai", 1))
    place.rows("INSERT INTO secret_versions (secret_id, version, key_version, sealed) VALUES (%s, 1, %s, %s)", SECRET, version, sealed)
    with place.redis() as cache:
        cache.xadd("hearth:stream:1:events", {"data": "Once upon"})
        cache.expire("hearth:stream:1:events", 3600)
        cache.set("hearth:stream:1:lease", "a process that is gone")
        cache.set("hearth:answers:1", "cached")
        cache.set("auth:failures:account:x", 4)
        cache.set("somebody else's", "not ours")
    home.catalog.mkdir()
    (home.catalog / "mine.yaml").write_text("id: mine\n")
    (home.root / "own.yaml").write_text("name: own\n")
    (home.keys / "admin.key").write_text("hearth-key")
    (home.keys / "admin.key").chmod(0o600)
    (home.root / "files" / "ab").mkdir(parents=True)
    (home.root / "files" / "ab" / "Großes Buch.pdf").write_bytes(os.urandom(300_000))
    (home.models / "mine").mkdir(parents=True)
    (home.models / "mine" / "weights.gguf").write_bytes(bytes(1000))
    (home.logs / "head.log").write_text("noise")


def index(home: Home) -> Vectors:
    """The index of knowledge of ``home``, open."""
    return Vectors(VectorsArgs(folder=str(home.root / "vectors")))


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Running: its run file names this process, which holds a file of its scratch folder open, as the head process does. Leave it as is."""
    home = Home(tmp_path_factory.mktemp("lived") / "home")
    home.create()
    settings = Settings(home=home.root)
    stores = Stores(home, settings)
    stores.start()
    migrate(settings)
    place = Place(settings)
    furnish(place)
    vectors = index(home)
    asyncio.run(vectors.upsert(OURS, SPACE, numbered(3)))
    write_state(home, RunState(pid=os.getpid(), phase="ready", profile="laptop", base_url="http://none", started_at=time.time()))
    launch = Launch(
        profile="laptop",
        settings=settings,
        num_cpus=1,
        gpus=(),
        memory_bytes=1,
        turns=False,
        serve_config={},
        ledger=LedgerArgs(state_dir=str(home.state)),
    )
    write_atomically(launch_file(home), launch.model_dump_json())
    with (home.scratch / "held").open("w"):
        yield place
    vectors.close()
    stores.stop()
    shutil.rmtree(home.scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def made(lived_in: Place, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return backup(lived_in.home, lived_in.settings, tmp_path_factory.mktemp("made") / "plain.tar.gz")


@pytest.fixture(scope="session")
def sealed(lived_in: Place, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return backup(lived_in.home, lived_in.settings, tmp_path_factory.mktemp("made"), passphrase=PASSPHRASE)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Settings]:
    """Of a home that is not there yet."""
    settings = Settings(home=tmp_path / "below" / "new")
    yield settings
    shutil.rmtree(Home(settings.home).scratch, ignore_errors=True)


@contextmanager
def opened(settings: Settings) -> Iterator[Place]:
    """A restored home, its stores answering."""
    with stores_of(Home(settings.home), settings) as there:
        yield Place(there)

"""PostgreSQL and Redis as Hearth runs them: real servers, killed for real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from cluster.errors import ConfigError
from cluster.home import Home
from cluster.settings import Settings, StorageSettings
from cluster.stores.keeper import Stores
from cluster.stores.urls import database_url, redis_url
from tests.patience import PATIENCE_S

OWNER = """
import sys, time
from pathlib import Path
from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.keeper import Stores
home = Home(Path(sys.argv[1])); home.create()
stores = Stores(home, Settings(home=home.root)); stores.start()
print(*(server.process.pid for server in stores.servers), flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.create()
    yield home
    shutil.rmtree(home.scratch, ignore_errors=True)


@pytest.fixture
def stores(home: Home) -> Iterator[Stores]:
    stores = Stores(home, Settings(home=home.root))
    stores.start()
    yield stores
    stores.stop()


def connect(home: Home) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(database_url(Settings(home=home.root)).replace("+psycopg", ""), autocommit=True)


def until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def test_what_was_written_survives_the_kill_of_both_servers_and_both_come_back(stores: Stores, home: Home) -> None:
    with connect(home) as database:
        database.execute("CREATE TABLE kept (word text)")
        database.execute("INSERT INTO kept VALUES ('still here')")
    cache = redis.Redis.from_url(redis_url(Settings(home=home.root)))
    cache.set("kept", "still here")
    until(lambda: cache.info("persistence")["aof_pending_bio_fsync"] == 0)
    pids = [server.process.pid for server in stores.servers if server.process]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: [server.process.pid for server in stores.servers if server.process] != pids)
    until(lambda: all(server.answers() for server in stores.servers))
    with connect(home) as database:
        assert database.execute("SELECT word FROM kept").fetchall() == [("still here",)]
    assert cache.get("kept") == b"still here"
    cache.close()


def test_neither_listens_on_a_port_and_nobody_else_may_use_their_sockets(stores: Stores) -> None:
    for server in stores.servers:
        assert server.process is not None
        assert [line for line in psutil.Process(server.process.pid).net_connections("inet") if line.status == psutil.CONN_LISTEN] == []
    assert stores.redis is not None
    assert stores.postgres is not None
    assert stores.redis.socket.stat().st_mode & 0o077 == 0
    assert stores.postgres.socket.stat().st_mode & 0o077 == 0
    assert stores.postgres.data.stat().st_mode & 0o077 == 0


def test_a_second_start_finds_the_data_of_the_first(home: Home) -> None:
    for number in range(2):
        stores = Stores(home, Settings(home=home.root))
        stores.start()
        with connect(home) as database:
            database.execute("CREATE TABLE IF NOT EXISTS runs (number int)")
            database.execute("INSERT INTO runs VALUES (%s)", (number,))
            seen = database.execute("SELECT count(*) FROM runs").fetchone()
        stores.stop()
        assert seen == (number + 1,)
        assert all(server.has_ended() for server in stores.servers)


def test_no_server_outlives_an_owner_that_was_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_a_server_of_ones_own_is_named_in_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "database.url"
    settings = Settings(home=tmp_path, storage=StorageSettings(database_url_file=file, redis_url_file=file))
    with pytest.raises(ConfigError, match="not readable"):
        database_url(settings)
    file.write_text("postgresql+psycopg://me:word@elsewhere/hearth\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        database_url(settings)
    file.chmod(0o600)
    assert database_url(settings) == "postgresql+psycopg://me:word@elsewhere/hearth"
    with pytest.raises(ConfigError, match="must begin with redis://"):
        redis_url(settings)
    assert Stores(Home(tmp_path), settings).servers == []

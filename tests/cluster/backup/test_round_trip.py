"""From one home into another, through real stores."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from cluster.backup.create import backup
from cluster.backup.restore import check, restore
from cluster.errors import Conflict
from cluster.home import Home
from cluster.settings import Settings, StorageSettings
from cluster.stores.migrate import migrate
from cluster.stores.revisions import current_revision, known_revisions
from tests.cluster.backup.conftest import ORGANISATION, PASSPHRASE, Place, index, opened
from tests.deployments.fixtures.knowledge import OURS, SPACE


def test_rows_secrets_keys_files_vectors_and_catalog_come_back_into_an_empty_home(lived_in, made, empty):
    done = restore(made.file, Home(empty.home), empty)
    assert done.aside is None
    assert done.about == made.about
    with opened(empty) as new:
        assert new.rows("SELECT name FROM organisations WHERE id = %s", ORGANISATION) == [("Ashes & Sons",)]
        assert new.secret() == "sk-a-real-one"
        with new.redis() as cache:
            assert sorted(cache.keys("*")) == [b"auth:failures:account:x", b"hearth:stream:1:events"]
            assert [event for _, event in cache.xrange("hearth:stream:1:events") or ()] == [{b"data": b"Once upon"}]
            assert 0 < cache.ttl("hearth:stream:1:events") <= 3600
            assert cache.ttl("auth:failures:account:x") == -1
    root = empty.home
    for name in ("catalog/mine.yaml", "own.yaml", "keys/admin.key", "keys/secrets.key", "files/ab/Großes Buch.pdf"):
        assert (root / name).read_bytes() == (lived_in.home.root / name).read_bytes()
    vectors = index(Home(root))
    assert asyncio.run(vectors.count(OURS, SPACE)) == 3
    vectors.close()
    assert (root / "configs" / "profiles" / "laptop.yaml").is_file()
    assert not list(root.glob("models/*"))
    assert not list(root.rglob("*.dump"))


def test_what_was_private_is_private_again(made, empty):
    assert made.file.stat().st_mode & 0o777 == 0o600
    restore(made.file, Home(empty.home), empty)
    for path in (empty.home / "keys", *(empty.home / "keys").iterdir(), empty.home / "database"):
        assert path.stat().st_mode & 0o077 == 0
    assert empty.home.stat().st_mode & 0o066 == 0
    assert list(empty.home.parent.iterdir()) == [empty.home]


def test_weights_are_in_it_when_asked_for(lived_in, empty, tmp_path):
    with_models = backup(lived_in.home, lived_in.settings, tmp_path / "all", models=True)
    restore(with_models.file, Home(empty.home), empty)
    assert (empty.home / "models" / "mine" / "weights.gguf").read_bytes() == bytes(1000)


def test_a_sealed_backup_opens_with_its_passphrase_and_shows_nothing_without(sealed, empty):
    assert sealed.file.name.endswith(".tar.gz.sealed")
    assert check(sealed.file, empty, passphrase=PASSPHRASE) == (sealed.about, sealed.members)
    restore(sealed.file, Home(empty.home), empty, passphrase=PASSPHRASE)
    with opened(empty) as new:
        assert new.secret() == "sk-a-real-one"


def test_a_home_that_does_not_run_is_backed_up_too(made, empty, tmp_path):
    restore(made.file, Home(empty.home), empty)
    again = backup(Home(empty.home), empty, tmp_path / "again.tar.gz")
    assert again.about.database_revision == made.about.database_revision
    third = Settings(home=tmp_path / "third")
    restore(again.file, Home(third.home), third)
    with opened(third) as new:
        assert new.secret() == "sk-a-real-one"


def test_a_backup_made_while_rows_are_written_holds_one_moment(lived_in, empty, tmp_path):
    """Two rows always add up to 1000, and the log has one line for each move between them."""
    lived_in.rows("CREATE TABLE purses (name text PRIMARY KEY, coins int)")
    lived_in.rows("CREATE TABLE moves (coins int)")
    lived_in.rows("INSERT INTO purses VALUES ('left', 1000), ('right', 0)")
    stop, moves = threading.Event(), threading.Semaphore(0)
    writer = threading.Thread(target=move_coins, args=(lived_in, stop, moves))
    writer.start()
    try:
        for _ in range(20):
            moves.acquire()
        during = backup(lived_in.home, lived_in.settings, tmp_path / "during.tar.gz")
        for _ in range(20):
            assert moves.acquire(timeout=30)
    finally:
        stop.set()
        writer.join()
        after = lived_in.rows("SELECT count(*) FROM moves")[0][0]
        lived_in.rows("DROP TABLE purses, moves")
    restore(during.file, Home(empty.home), empty)
    with opened(empty) as new:
        coins = dict(new.rows("SELECT name, coins FROM purses"))
        moved = new.rows("SELECT count(*) FROM moves")[0][0]
    assert coins == {"left": 1000 - moved, "right": moved}
    assert 20 <= moved < after


def move_coins(place: Place, stop: threading.Event, moves: threading.Semaphore) -> None:
    with place.connect() as connection:
        while not stop.is_set():
            with connection.transaction():
                connection.execute("UPDATE purses SET coins = coins - 1 WHERE name = 'left'")
                connection.execute("INSERT INTO moves VALUES (1)")
                connection.execute("UPDATE purses SET coins = coins + 1 WHERE name = 'right'")
            moves.release()


def test_an_older_backup_is_brought_up_to_date(made, empty, tmp_path):
    restore(made.file, Home(empty.home), empty)
    newest, *_, oldest = known_revisions(empty)
    with opened(empty) as there:
        migrate(there.settings, oldest)
    old = backup(Home(empty.home), empty, tmp_path / "old.tar.gz")
    assert old.about.database_revision == oldest
    new = Settings(home=tmp_path / "new")
    restore(old.file, Home(new.home), new)
    with opened(new) as there:
        assert current_revision(there.settings) == newest
        assert there.rows("SELECT name FROM organisations") == [("Ashes & Sons",)]


def test_servers_of_ones_own_are_filled_when_empty_and_left_alone_when_not(lived_in, made, tmp_path):
    lived_in.rows("CREATE DATABASE mine")
    try:
        settings = Settings(home=tmp_path / "new", storage=own_servers(lived_in, tmp_path))
        restore(made.file, Home(settings.home), settings)
        assert Place(settings).secret() == "sk-a-real-one"
        assert not (settings.home / "database").exists()
        again = backup(Home(settings.home), settings, tmp_path / "own.tar.gz")
        assert again.about.database_revision == made.about.database_revision
        other = settings.model_copy(update={"home": tmp_path / "other"})
        with pytest.raises(Conflict, match="not empty"):
            restore(again.file, Home(other.home), other)
        assert not other.home.exists()
    finally:
        lived_in.rows("DROP DATABASE mine")
        with lived_in.redis() as cache:
            cache.execute_command("SELECT", 1)
            cache.flushdb()


def own_servers(place: Place, folder: Path) -> StorageSettings:
    """Another database and another Redis database of the same servers, named as an owner would name theirs."""
    database, cache = folder / "database.url", folder / "redis.url"
    database.write_text(f"postgresql+psycopg://hearth:unused@/mine?host={place.home.scratch / 'pg'}")
    cache.write_text(f"unix://{place.home.scratch / 'redis.sock'}?db=1")
    for file in (database, cache):
        file.chmod(0o600)
    return StorageSettings(database_url_file=database, redis_url_file=cache)

"""The backup that `up` makes before it changes the shape of the database."""

from __future__ import annotations

import os

from cluster.backup.create import backup_before_migration
from cluster.backup.parts import backups
from cluster.backup.restore import check, restore
from cluster.home import Home
from cluster.settings import BackupSettings
from cluster.stores.migrate import migrate
from cluster.stores.revisions import current_revision, known_revisions
from tests.cluster.backup.conftest import opened


def test_a_database_that_is_behind_is_backed_up_first(made, empty):
    restore(made.file, Home(empty.home), empty)
    newest, before, *_ = known_revisions(empty)
    with opened(empty) as place:
        assert backup_before_migration(empty) is None
        migrate(empty, before)
        assert backup_before_migration(empty.model_copy(update={"backup": BackupSettings(kept_before_migration=0)})) is None
        file = backup_before_migration(empty)
        migrate(empty)
        assert current_revision(empty) == newest
    assert file is not None
    assert file.parent == backups(place.home)
    assert file.stat().st_mode & 0o777 == 0o600
    assert check(file, empty)[0].database_revision == before


def test_the_last_few_are_kept_and_those_of_people_are_not_touched(made, empty):
    settings = empty.model_copy(update={"backup": BackupSettings(kept_before_migration=2)})
    restore(made.file, Home(empty.home), empty)
    folder = backups(Home(empty.home))
    folder.mkdir()
    for age, name in enumerate(("hearth-by-hand.tar.gz", "before-migration-0001-c", "before-migration-0001-b", "before-migration-0001-a")):
        (folder / name).write_bytes(b"an earlier one")
        os.utime(folder / name, (10**9 - age, 10**9 - age))
    with opened(settings):
        migrate(settings, known_revisions(settings)[1])
        file = backup_before_migration(settings)
    assert file is not None
    assert {path.name for path in folder.iterdir()} == {"hearth-by-hand.tar.gz", "before-migration-0001-c", file.name}


def test_an_empty_database_has_nothing_to_lose(empty):
    Home(empty.home).create()
    with opened(empty) as place:
        assert backup_before_migration(place.settings) is None
        assert not backups(place.home).exists()

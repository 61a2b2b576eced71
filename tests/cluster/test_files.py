"""Bytes that people gave: whole or not there, and known by ids only."""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
from io import BytesIO
from pathlib import Path

import pytest

from cluster.errors import NotFound
from cluster.files import FileStore

US, THEM = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_is_written_is_read_again_and_nobody_else_may_read_it(store):
    stored = store.write(US, BytesIO(b"goats" * 500_000))
    assert (stored.bytes, stored.sha256) == (2_500_000, hashlib.sha256(b"goats" * 500_000).hexdigest())
    with store.open(US, stored.id) as file:
        assert file.read(5) == b"goats"
    assert stat.S_IMODE(store.path(US, stored.id).stat().st_mode) == 0o600
    with pytest.raises(NotFound):
        store.open(THEM, stored.id)


def test_what_cannot_be_read_to_its_end_leaves_nothing(store, tmp_path):
    class Broken(BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError("the upload broke off")

    with pytest.raises(OSError, match="broke off"):
        store.write(US, Broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_removing_twice_is_no_mistake(store):
    stored = store.write(US, BytesIO(b"x"))
    store.remove(US, stored.id)
    store.remove(US, stored.id)
    assert not store.path(US, stored.id).exists()


def test_old_files_are_told_and_half_written_ones_go(store):
    old, young = store.write(US, BytesIO(b"x")), store.write(US, BytesIO(b"y"))
    half = store.path(US, old.id).with_name(f"{uuid.uuid4()}.part")
    half.touch()
    for path in (store.path(US, old.id), half):
        age(path, 100)
    assert list(store.leftovers(50)) == [(US, old.id)]
    assert not half.exists()
    assert store.path(US, young.id).exists()


def test_all_of_an_organisation_goes_at_once(store):
    ours, theirs = store.write(US, BytesIO(b"x")), store.write(THEM, BytesIO(b"y"))
    store.remove_all(US)
    assert not store.path(US, ours.id).exists()
    assert store.path(THEM, theirs.id).exists()

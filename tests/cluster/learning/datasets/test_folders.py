"""Folders of versions: whole or not there."""

from __future__ import annotations

import uuid

import pytest

from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders

PLACE = (uuid.uuid4(), uuid.uuid4())


def names(folders: DatasetFolders) -> set[str]:
    return {path.name for path in folders.of(*PLACE, "x").parent.glob("*")}


def publish(folders: DatasetFolders, sha256: str, text: str) -> None:
    with folders.building(*PLACE, "job") as folder:
        written = folder / "version"
        written.mkdir()
        (written / "train.jsonl").write_text(text)
        folders.publish(written, *PLACE, sha256)


def test_a_version_appears_at_once_and_nothing_else_stays(tmp_path):
    folders = DatasetFolders(Home(tmp_path))
    publish(folders, "a", "one")
    assert names(folders) == {"a"}
    assert folders.split(*PLACE, "a", "train").read_text() == "one"


def test_what_a_crash_left_is_written_over_and_cleared_away(tmp_path):
    folders = DatasetFolders(Home(tmp_path))
    for left in ("a", ".building-killed"):
        folders.of(*PLACE, left).mkdir(parents=True)
        (folders.of(*PLACE, left) / "train.jsonl").write_text("half")
    publish(folders, "a", "whole")
    assert names(folders) == {"a"}
    assert folders.split(*PLACE, "a", "train").read_text() == "whole"


def test_a_build_that_fails_leaves_nothing(tmp_path):
    folders = DatasetFolders(Home(tmp_path))
    with pytest.raises(OSError), folders.building(*PLACE, "job"):
        raise OSError("the disk is full")
    assert names(folders) == set()


def test_versions_without_a_row_go_and_builds_stay(tmp_path):
    folders = DatasetFolders(Home(tmp_path))
    publish(folders, "a", "one")
    publish(folders, "b", "two")
    with folders.building(*PLACE, "job") as folder:
        folders.keep_only(*PLACE, {"b"})
        assert names(folders) == {"b", folder.name}
    folders.remove(*PLACE)
    assert names(folders) == set()

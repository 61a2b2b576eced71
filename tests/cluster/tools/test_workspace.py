from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.errors import BadInput, Conflict, HearthError, NotFound, TooLarge, Unavailable
from cluster.settings import ToolSettings
from cluster.tools.folders import Disk
from cluster.tools.workspace import Workspace
from cluster.tools.workspaces import Workspaces

US = uuid.uuid4()


class FullDisk(Disk):
    """Takes ``left`` bytes."""

    def __init__(self, left: int, code: int = errno.ENOSPC) -> None:
        self.left = left
        self.code = code

    def write(self, descriptor: int, data: bytes) -> None:
        super().write(descriptor, data[: self.left])
        if len(data) > self.left:
            raise OSError(self.code, os.strerror(self.code))
        self.left -= len(data)


@pytest.fixture
def spaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces", ToolSettings())


@pytest.fixture
def space(spaces: Workspaces) -> Workspace:
    return spaces.of(US, "run-1")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / "workspaces" / str(US) / "run-1" / "files"


def test_what_is_written_is_read_and_listed(space: Workspace) -> None:
    assert space.write("notes/tides.md", b"High at six.") == {"path": "notes/tides.md", "bytes": 12}
    space.append("notes/tides.md", b"\nLow at noon.")
    space.append("new.log", b"begun")

    assert space.read("./notes/tides.md") == b"High at six.\nLow at noon."
    assert [(entry.path, entry.folder, entry.bytes) for entry in space.entries(deep=True)] == [
        ("new.log", False, 5),
        ("notes", True, 0),
        ("notes/tides.md", False, 25),
    ]
    assert [entry.path for entry in space.entries()] == ["new.log", "notes"]
    assert [entry.path for entry in space.entries("notes/")] == ["notes/tides.md"]


def test_what_nobody_wrote_to_is_empty_and_is_not_made_by_looking(space: Workspace, tmp_path: Path) -> None:
    assert space.entries() == []
    assert space.search("x") == []
    with pytest.raises(NotFound, match="nothing was written"):
        space.read("a.txt")
    with pytest.raises(NotFound, match="nothing was written"):
        space.entries("folder")
    assert not space.remove()
    assert not (tmp_path / "workspaces").exists()


def test_what_is_missing_is_named_with_the_nearest(space: Workspace) -> None:
    space.write("notes/tides.md", b"")

    with pytest.raises(NotFound, match=r"did you mean 'notes/tides\.md'"):
        space.read("notes/tide.md")
    with pytest.raises(NotFound, match="did you mean 'notes'"):
        space.read("note/tides.md")
    with pytest.raises(Conflict, match="is a folder"):
        space.read("notes")
    with pytest.raises(BadInput, match="not a folder"):
        space.read("notes/tides.md/more")
    with pytest.raises(BadInput, match="not a folder"):
        space.write("notes/tides.md/more", b"")
    with pytest.raises(Conflict, match="is a folder"):
        space.write("notes", b"")


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        "..",
        "../other/files/a",
        "a/../../b",
        "a/..",
        "/etc/passwd",
        "//etc",
        "C:/a",
        "c:\\a",
        "a\\b",
        "a//b",
        "a/./b",
        "a\x00b",
        "a\nb",
        "a\u202eb",
        "a/ b",
        "a /b",
        "\udcff",
        "a" * 256,
        "/".join("a" * 40),
        "é" * 1025,
    ],
)
def test_hostile_names_are_refused_with_a_sentence(space: Workspace, path: str) -> None:
    space.write("a", b"")
    for work in (
        lambda: space.read(path),
        lambda: space.write(path, b""),
        lambda: space.append(path, b""),
        lambda: space.delete(path),
        lambda: space.entries(f"{path}/x"),
    ):
        with pytest.raises(BadInput) as refused:
            work()
        assert refused.value.message.endswith(".")
        assert refused.value.param == "path"


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "A", "-a", "a.b", "a" * 101, "a\n"])
def test_a_workspace_has_a_plain_name(spaces: Workspaces, name: str) -> None:
    with pytest.raises(BadInput, match="workspace"):
        spaces.of(US, name)


def test_links_are_not_followed(space: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    space.write("here.txt", b"here")
    folder = folder_of(tmp_path)
    (folder / "way").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "secret.txt")

    for path in ("way/secret.txt", "link.txt"):
        with pytest.raises(BadInput, match="link"):
            space.read(path)
        with pytest.raises(BadInput, match="link"):
            space.append(path, b"more")
        with pytest.raises(BadInput, match="link"):
            space.write(path, b"more")
    with pytest.raises(BadInput, match="link"):
        space.write("way/new.txt", b"more")
    with pytest.raises(BadInput, match="link"):
        space.delete("way/secret.txt")
    with pytest.raises(BadInput, match="link"):
        space.entries("way")
    assert [entry.path for entry in space.entries(deep=True)] == ["here.txt"]
    assert space.search("secret") == []
    space.delete("link.txt")
    space.delete("way", deep=True)
    assert (outside / "secret.txt").read_text() == "secret"
    assert names(outside) == ["secret.txt"]


def test_what_is_no_file_is_not_opened(space: Workspace, tmp_path: Path) -> None:
    space.write("here.txt", b"here")
    folder = folder_of(tmp_path)
    os.mkfifo(folder / "pipe")
    os.link(folder / "here.txt", folder / "twice.txt")

    with pytest.raises(BadInput, match="no file that can be read"):
        space.read("pipe")
    with pytest.raises(BadInput, match="no file that can be read"):
        space.append("pipe", b"")
    with pytest.raises(BadInput, match="another name"):
        space.read("twice.txt")
    assert [entry.path for entry in space.entries()] == ["here.txt", "twice.txt"]
    assert space.search("here") == []


def test_organisations_and_workspaces_do_not_see_each_other(spaces: Workspaces) -> None:
    spaces.of(US, "run-1").write("a.txt", b"a")

    assert spaces.of(uuid.uuid4(), "run-1").entries() == []
    assert spaces.of(US, "run-2").entries() == []


def test_files_are_nobody_elses_to_read(space: Workspace, tmp_path: Path) -> None:
    space.write("a/b.txt", b"b")

    assert stat.S_IMODE((folder_of(tmp_path) / "a/b.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "workspaces").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("limits", "setting"),
    [({"file_bytes": 1024}, "file_bytes"), ({"workspace_bytes": 1500}, "workspace_bytes"), ({"workspace_files": 2}, "workspace_files")],
)
def test_limits_are_named(tmp_path: Path, limits: dict[str, int], setting: str) -> None:
    space = Workspaces(tmp_path / "workspaces", ToolSettings(**limits)).of(US, "run-1")
    space.write("a.txt", b"a" * 1000)

    with pytest.raises(TooLarge, match=f"tools.{setting}"):
        space.append("b/c/d.txt", b"b" * 1025)
    assert [entry.path for entry in space.entries()] == ["a.txt"]
    space.write("a.txt", b"b" * 1024)


def test_a_full_disk_changes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    for code in (errno.ENOSPC, errno.EDQUOT):
        disk = FullDisk(100, code)
        space = Workspaces(tmp_path / "workspaces", ToolSettings(), disk).of(US, "run-1")
        disk.left = 10_000
        space.write("a.txt", b"before")
        disk.left = 8
        for change in (space.append, space.write):
            with pytest.raises(Unavailable, match="free some space"):
                change("a.txt", b" and after it", f"key-{code}")
            with pytest.raises(Unavailable, match="free some space"):
                change("b.txt", b"something new", None)
        assert space.read("a.txt") == b"before"
        assert [entry.path for entry in space.entries()] == ["a.txt"]
        disk.left = 10_000
        space.append("a.txt", b"!", f"key-{code}")
        assert space.read("a.txt") == b"before!"
        assert names(folder_of(tmp_path).parent / "part") == []


def test_the_same_key_does_it_once(space: Workspace) -> None:
    for _ in range(3):
        assert space.append("log", b"one\n", "k1") == {"path": "log", "bytes": 4}
    space.append("log", b"two\n", "k2")
    assert space.append("log", b"one\n", "k1") == {"path": "log", "bytes": 4}
    assert space.read("log") == b"one\ntwo\n"

    space.write("log", b"new", "k3")
    space.append("log", b"!", "k4")
    space.write("log", b"new", "k3")
    assert space.read("log") == b"new!"

    assert space.delete("log", "k5") == {"path": "log", "deleted": True}
    space.write("log", b"again", "k6")
    assert space.delete("log", "k5") == {"path": "log", "deleted": True}
    assert space.read("log") == b"again"


def test_a_key_stands_for_one_call(space: Workspace) -> None:
    space.append("log", b"one\n", "k1")

    others: list[Callable[[], object]] = [
        lambda: space.append("log", b"two\n", "k1"),
        lambda: space.append("log2", b"one\n", "k1"),
        lambda: space.write("log", b"one\n", "k1"),
        lambda: space.delete("log", "k1"),
    ]
    for other in others:
        with pytest.raises(Conflict, match="key"):
            other()
    assert space.read("log") == b"one\n"


def test_without_replace_nothing_is_overwritten(space: Workspace) -> None:
    space.write("a.txt", b"a", "k", replace=False)
    space.write("a.txt", b"a", "k", replace=False)

    with pytest.raises(Conflict, match="already"):
        space.write("a.txt", b"b", replace=False)
    assert space.read("a.txt") == b"a"


def test_folders_are_deleted_with_what_is_in_them_only_when_asked_for(space: Workspace) -> None:
    space.write("a/b/c.txt", b"c")

    with pytest.raises(Conflict, match="not empty"):
        space.delete("a")
    space.delete("a", "k", deep=True)
    assert space.entries(deep=True) == []
    with pytest.raises(NotFound):
        space.delete("a")


def test_searching_shows_lines(space: Workspace) -> None:
    space.write("a/one.md", "Ebbe und Flut\nStraße am Meer\n".encode())
    space.write("two.txt", b"no\nthe STRASSE\n")
    space.write("three.bin", b"\xff\xfestrasse")

    assert space.search("strasse") == [("a/one.md", 2, "Straße am Meer"), ("two.txt", 2, "the STRASSE")]
    assert space.search("strasse", names="*.md") == [("a/one.md", 2, "Straße am Meer")]
    assert space.search("strasse", path="a") == [("a/one.md", 2, "Straße am Meer")]
    assert space.search("strasse", most=1) == [("a/one.md", 2, "Straße am Meer")]


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(space: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.txt").write_text("secret")
    space.write("a/b.txt", b"ours")
    folder, done, refused = folder_of(tmp_path), threading.Event(), 0

    def swap() -> None:
        while not done.is_set():
            shutil.rmtree(folder / "kept", ignore_errors=True)
            for step in (lambda: (folder / "a").rename(folder / "kept"), lambda: (folder / "a").symlink_to(outside), (folder / "a").unlink):
                with suppress(OSError):  # a folder was made there meanwhile
                    step()

    def attempt(work: Callable[[], object]) -> object:
        nonlocal refused
        try:
            return work()
        except HearthError:
            refused += 1
            return None

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(400):
            assert attempt(lambda: space.read("a/b.txt")) in {b"ours", None}
            attempt(lambda: space.write("a/b.txt", b"ours"))
            attempt(lambda number=number: space.write(f"a/new-{number % 7}.txt", b"ours"))  # type: ignore[misc]
            attempt(lambda number=number: space.delete(f"a/new-{number % 5}.txt"))  # type: ignore[misc]
            found = attempt(lambda: space.search("secret"))
            assert found in ([], None)
    finally:
        done.set()
        swapper.join()
    assert refused > 0, "the swapping never met an access, so this shows nothing"
    assert names(outside) == ["b.txt"]
    assert (outside / "b.txt").read_text() == "secret"


def test_many_at_once_lose_nothing(spaces: Workspaces) -> None:
    def add(number: int) -> None:
        for each in range(10):
            spaces.of(US, "run-1").append("log", f"{number}.{each}\n".encode(), f"k{number}.{each}")

    threads = [threading.Thread(target=add, args=(number % 4,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = spaces.of(US, "run-1").read("log").decode().splitlines()
    assert sorted(lines) == sorted(f"{number}.{each}" for number in range(4) for each in range(10))


def test_lapsed_workspaces_are_removed(spaces: Workspaces, tmp_path: Path) -> None:
    for name in ("old", "new"):
        spaces.of(US, name).write("a/b.txt", b"b")
    base = tmp_path / "workspaces" / str(US)
    os.utime(base / "old", (0, 0))
    (base / ".gone-1" / "files").mkdir(parents=True)
    (tmp_path / "workspaces" / "stranger").mkdir()

    assert spaces.remove_lapsed() == 1
    assert names(base) == ["new"]
    assert (tmp_path / "workspaces" / "stranger").exists()
    assert spaces.remove_lapsed() == 0
    assert spaces.of(US, "new").remove()
    spaces.remove_all(US)
    assert not base.exists()

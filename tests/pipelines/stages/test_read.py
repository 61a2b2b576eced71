"""Files, folders, archives and e-mails become items; what is harmful or broken is listed, and the rest goes on."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from cluster.contracts.documents import Problem
from cluster.settings import IngestSettings
from pipelines.stages.read import Item, Source, folder_sources, read
from tests.pipelines.conftest import mail_file, pdf_file, picture, word_file, zip_file

TIGHT = IngestSettings(file_bytes=2_000_000, archive_bytes=5_000_000, archive_members=20, archive_depth=2)


def outcomes(content: bytes, name: str, tmp_path: Path, limits: IngestSettings = TIGHT) -> tuple[dict[str, Item], dict[str, str]]:
    """Items and the reasons of problems, by path."""
    path = tmp_path / "given"
    path.write_bytes(content)
    found = list(read(Source("doc", name, path), limits))
    items = {one.path: one for one in found if isinstance(one, Item)}
    return items, {one.path: one.reason for one in found if isinstance(one, Problem)}


def tar_file(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def test_a_file_is_one_item_with_the_type_of_its_content(tmp_path):
    items, problems = outcomes(pdf_file(1), "terms.txt", tmp_path)
    assert [(item.document, item.media_type) for item in items.values()] == [("doc", "application/pdf")]
    assert problems == {}


def test_text_is_an_item_of_its_own(limits):
    (item,) = read(Source("note", "note.md", text="# Title\n\nBody"), limits)
    assert isinstance(item, Item)
    assert (item.media_type, item.content) == ("text/markdown", b"# Title\n\nBody")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_a_tar_holds_is_read_however_it_is_packed(tmp_path, mode):
    content = tar_file((tarfile.TarInfo("a/one.txt"), b"one"), (tarfile.TarInfo("two.txt"), b"x" * 1024), mode=mode)
    items, problems = outcomes(content, "pack.tar", tmp_path)
    assert {path: item.content for path, item in items.items()} == {"pack.tar/a/one.txt": b"one", "pack.tar/two.txt": b"x" * 1024}
    assert problems == {}


def test_a_packed_file_is_read_by_its_name_without_the_ending(tmp_path):
    items, _ = outcomes(gzip.compress(b"# Title\n\nhello"), "readme.md.gz", tmp_path)
    assert items["readme.md.gz/readme.md"].media_type == "text/markdown"


def test_archives_within_archives_are_read_and_ids_depend_on_names_alone(tmp_path):
    inner = zip_file({"deep.txt": "deep"})
    one, _ = outcomes(zip_file({"in.zip": inner, "b.docx": word_file()}), "a.zip", tmp_path)
    other, _ = outcomes(zip_file({"b.docx": word_file(), "in.zip": inner}), "a.zip", tmp_path)
    assert set(one) == {"a.zip/in.zip/deep.txt", "a.zip/b.docx"}
    assert {path: item.document for path, item in one.items()} == {path: item.document for path, item in other.items()}


def test_attachments_of_an_email_are_items_beside_it(tmp_path):
    inner = mail_file(fog__png=picture())
    content = mail_file(terms__pdf=pdf_file(1), old__eml=inner)
    items, problems = outcomes(content, "offer.eml", tmp_path)
    assert {path: item.media_type for path, item in items.items()} == {
        "offer.eml": "message/rfc822",
        "offer.eml/terms.pdf": "application/pdf",
        "offer.eml/old.eml": "message/rfc822",
        "offer.eml/old.eml/fog.png": "image/png",
    }
    assert problems == {}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\windows\\a.txt", "..\\up.txt", "a/../../b.txt"])
def test_names_that_lead_out_are_refused_and_the_others_taken(tmp_path, name):
    items, problems = outcomes(zip_file({name: "evil", "good.txt": "good"}), "a.zip", tmp_path)
    assert list(items) == ["a.zip/good.txt"]
    assert len(problems) == 1
    items, problems = outcomes(tar_file((tarfile.TarInfo(name), b"evil"), (tarfile.TarInfo("good.txt"), b"good")), "a.tgz", tmp_path)
    assert list(items) == ["a.tgz/good.txt"]
    assert len(problems) == 1


def test_links_and_devices_in_archives_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    members = (link("soft", str(secret)), link("hard", "soft", tarfile.LNKTYPE), link("device", "", tarfile.CHRTYPE))
    items, problems = outcomes(tar_file(*members, (tarfile.TarInfo("good.txt"), b"good")), "a.tgz", tmp_path)
    assert list(items) == ["a.tgz/good.txt"]
    assert set(problems) == {"a.tgz/soft", "a.tgz/hard", "a.tgz/device"}
    soft = zipfile.ZipInfo("soft")
    soft.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(soft, str(secret))
    items, problems = outcomes(out.getvalue(), "b.zip", tmp_path)
    assert (items, list(problems)) == ({}, ["b.zip/soft"])


def test_a_zip_bomb_is_listed_and_what_is_beside_it_taken(tmp_path):
    items, problems = outcomes(zip_file({"bomb.txt": b"\0" * 1_900_000, "good.txt": "good"}), "a.zip", tmp_path)
    assert list(items) == ["a.zip/good.txt"]
    assert "zip bomb" in problems["a.zip/bomb.txt"]


def test_a_nested_bomb_stops_at_the_budget_of_the_whole(tmp_path):
    inner = zip_file({f"{number}.bin": os.urandom(900_000) for number in range(2)}, zipfile.ZIP_STORED)
    outer = zip_file({f"{number}.zip": inner for number in range(9)}, zipfile.ZIP_STORED)
    items, problems = outcomes(outer, "a.zip", tmp_path)
    assert sum(len(item.content) for item in items.values()) <= TIGHT.archive_bytes
    assert "ingest.archive_bytes" in problems["a.zip"]


def test_a_bomb_packed_with_gzip_is_stopped(tmp_path):
    _, problems = outcomes(gzip.compress(b"\0" * 30_000_000), "a.gz", tmp_path, IngestSettings())
    assert "bomb" in problems["a.gz"]
    _, problems = outcomes(gzip.compress(b"\0" * 30_000_000), "a.gz", tmp_path)
    assert "ingest.file_bytes" in problems["a.gz"]
    _, problems = outcomes(tar_file((tarfile.TarInfo("zeros"), b"\0" * 30_000_000)), "a.tgz", tmp_path)
    assert problems


def test_a_tar_whose_headers_are_larger_than_a_file_may_be_is_stopped(tmp_path):
    info = tarfile.TarInfo("x")
    info.pax_headers = {"comment": "c" * 3_000_000}
    _, problems = outcomes(tar_file((info, b"x"), mode="w"), "a.tar", tmp_path)
    assert "ingest.file_bytes" in problems["a.tar"]


def test_archives_deeper_than_allowed_are_listed(tmp_path):
    content = zip_file({"x.txt": "x"})
    for number in range(4):
        content = zip_file({f"{number}.zip": content})
    items, problems = outcomes(content, "a.zip", tmp_path)
    assert items == {}
    assert "ingest.archive_depth" in problems["a.zip/3.zip/2.zip"]


def test_more_members_than_allowed_are_left(tmp_path):
    items, problems = outcomes(zip_file({f"{number}.txt": "x" for number in range(30)}), "a.zip", tmp_path)
    assert len(items) == TIGHT.archive_members
    assert "ingest.archive_members" in problems["a.zip"]


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path):
    content = bytearray(zip_file({f"{number}-{'n' * 900}.txt": "x" for number in range(30)}))
    _, problems = outcomes(bytes(content), "a.zip", tmp_path)
    assert "ingest.archive_members" in problems["a.zip"]


def test_a_member_that_is_larger_than_it_says_is_damaged(tmp_path):
    content = bytearray(zip_file({"liar.txt": os.urandom(500).hex() * 100}))
    at = content.rfind(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<L", 10)
    items, problems = outcomes(bytes(content), "a.zip", tmp_path)
    assert items == {}
    assert "damaged" in problems["a.zip/liar.txt"]


def test_a_protected_member_is_listed(tmp_path):
    content = bytearray(zip_file({"secret.txt": "s", "good.txt": "g"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(magic) + offset] |= 1
    items, problems = outcomes(bytes(content), "a.zip", tmp_path)
    assert list(items) == ["a.zip/good.txt"]
    assert "password" in problems["a.zip/secret.txt"]


@pytest.mark.parametrize("cut", [10, 100, 2000])
def test_archives_that_are_cut_off_are_listed(tmp_path, cut):
    whole = zip_file({"a.bin": os.urandom(3000)})
    items, problems = outcomes(whole[: len(whole) - cut], "a.zip", tmp_path)
    assert "damaged or cut off" in problems["a.zip"]
    assert items == {}
    packed = tar_file((tarfile.TarInfo("a.txt"), b"first"), (tarfile.TarInfo("b.bin"), os.urandom(8000)))
    items, problems = outcomes(packed[: len(packed) - cut - 100], "a.tgz", tmp_path)
    assert items["a.tgz/a.txt"].content == b"first"
    assert "cut off" in problems["a.tgz"]


def test_an_empty_file_and_one_that_is_nothing_known_are_listed(tmp_path):
    assert outcomes(b"", "a.txt", tmp_path)[1] == {"a.txt": "It is empty."}
    assert "neither text nor" in outcomes(bytes(range(256)) * 20, "a.txt", tmp_path)[1]["a.txt"]


def test_a_file_over_the_limit_is_listed_without_being_read(tmp_path):
    path = tmp_path / "huge.txt"
    path.write_bytes(b"text")
    os.truncate(path, 500 * 2**20)
    (problem,) = read(Source("doc", "huge.txt", path), IngestSettings())
    assert isinstance(problem, Problem)
    path.unlink()


def test_hostile_names_are_shown_harmlessly(tmp_path):
    items, _ = outcomes(zip_file({"invoice\u202egpj.exe\x07.txt": "x"}), "a\nb.zip", tmp_path)
    assert list(items) == ["a�b.zip/invoice�gpj.exe�.txt"]


def test_a_folder_gives_its_files_and_follows_no_link(tmp_path):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (folder / "sub" / "a.txt").write_text("a")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("b")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "way").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    found = list(folder_sources(Source("root", "folder", folder), IngestSettings()))
    assert {one.name for one in found if isinstance(one, Source)} == {"folder/sub/a.txt", "folder/�.txt"}
    assert {one.path for one in found if isinstance(one, Problem)} == {"folder/link.txt", "folder/way", "folder/round"}
    contents = [item.content for one in found if isinstance(one, Source) for item in read(one, IngestSettings()) if isinstance(item, Item)]
    assert sorted(contents) == [b"a", b"b"]


def test_a_link_or_a_pipe_that_is_given_as_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", "missing"):
        (problem,) = read(Source("doc", name, tmp_path / name), IngestSettings())
        assert isinstance(problem, Problem)

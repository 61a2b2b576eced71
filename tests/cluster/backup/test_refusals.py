"""Backups that are not whole, or not for here: one clear line each, and the home is as it was."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.backup.create import backup
from cluster.backup.passphrase import read_passphrase
from cluster.backup.restore import check, restore
from cluster.errors import BadInput, ConfigError, Conflict, HearthError, NotFound, TooLarge
from cluster.home import Home
from cluster.settings import BackupSettings, Settings
from tests.cluster.backup.conftest import PASSPHRASE

Members = list[tuple[tarfile.TarInfo, bytes]]


def rewritten(file: Path, to: Path, change: Callable[[Members], None]) -> Path:
    """The same backup with other members."""
    with tarfile.open(file) as tar:
        members = [(info, content.read()) for info in tar if (content := tar.extractfile(info))]
    change(members)
    with tarfile.open(to, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=1) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return to


@contextmanager
def refused(settings: Settings, words: str, kind: type[HearthError] = BadInput) -> Iterator[None]:
    """The block raises ``kind`` with ``words`` in one line, and leaves nothing where the home would be, nor beside it."""
    with pytest.raises(kind, match=words) as caught:
        yield
    assert "\n" not in caught.value.message
    assert type(caught.value) is kind
    assert not settings.home.exists()
    assert not settings.home.parent.exists() or list(settings.home.parent.iterdir()) == []


def test_a_backup_cut_off_anywhere_is_refused(made, empty, tmp_path):
    whole, cut = made.file.read_bytes(), tmp_path / "cut"
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with refused(empty, "damaged"):
            restore(cut, Home(empty.home), empty)


def flipped(whole: bytes, dice: random.Random) -> bytes:
    # The first ten bytes of a gzip hold a time and a system that mean nothing.
    spoiled, place = bytearray(whole), dice.randrange(10, len(whole))
    spoiled[place] ^= 1 << dice.randrange(8)
    return bytes(spoiled)


def content(packed: bytes) -> int | None:
    """A checksum of what unpacks from it, None for what does not."""
    try:
        return zlib.crc32(zlib.decompress(packed, wbits=31))
    except zlib.error:
        return None


def test_a_flipped_bit_is_noticed_wherever_it_changes_anything(made, empty, tmp_path):
    dice, bad, whole = random.Random(5), tmp_path / "bad", made.file.read_bytes()
    told, noticed = content(whole), 0
    for spoiled in (flipped(whole, dice) for _ in range(60)):
        # In the long runs of zeros of an index, a bit may say from which zeros the next ones are copied.
        if content(spoiled) != told:
            bad.write_bytes(spoiled)
            with refused(empty, "damaged|not a whole backup|which no backup"):
                check(bad, empty)
            noticed += 1
    assert noticed > 15


def test_a_flipped_bit_anywhere_under_a_seal_is_noticed(sealed, empty, tmp_path):
    dice, bad, whole = random.Random(5), tmp_path / "bad", sealed.file.read_bytes()
    for spoiled in (flipped(whole, dice) for _ in range(6)):
        bad.write_bytes(spoiled)
        with refused(empty, "damaged|not a whole backup|which no backup"):
            check(bad, empty, passphrase=PASSPHRASE)


def test_a_changed_member_does_not_match_its_checksum(made, empty, tmp_path):
    def change(members: Members) -> None:
        spot = next(i for i, (info, _) in enumerate(members) if info.name == "catalog/mine.yaml")
        members[spot] = (members[spot][0], b"id: evil\n")

    with refused(empty, "damaged"):
        restore(rewritten(made.file, tmp_path / "changed", change), Home(empty.home), empty)


def test_a_member_more_or_less_than_the_checksums_say_is_noticed(made, empty, tmp_path):
    def drop(members: Members) -> None:
        members[:] = [one for one in members if one[0].name != "keys/secrets.key"]

    def append(members: Members) -> None:
        members.append((tarfile.TarInfo("keys/late.key"), b"late"))

    for change in (drop, append):
        with refused(empty, "damaged"):
            restore(rewritten(made.file, tmp_path / "changed", change), Home(empty.home), empty)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "keys/../../outside",
        "files//twice",
        "files/./dot",
        "files/back\\slash",
        "run/cluster.json",
        "database/x",
    ],
)
def test_a_member_that_leads_out_of_the_home_or_belongs_to_no_part_is_refused(made, empty, tmp_path, name):
    def change(members: Members) -> None:
        members.insert(1, (tarfile.TarInfo(name), b"x"))

    with refused(empty, "which no backup of ours does"):
        restore(rewritten(made.file, tmp_path / "led-out", change), Home(empty.home), empty)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_folders_and_devices_are_refused(made, empty, tmp_path, kind):
    def change(members: Members) -> None:
        link = tarfile.TarInfo("files/link")
        link.type, link.linkname = kind, "/etc/passwd"
        members.insert(1, (link, b""))

    with refused(empty, "which no backup of ours does"):
        restore(rewritten(made.file, tmp_path / "linked", change), Home(empty.home), empty)


def test_a_member_that_comes_twice_is_refused(made, empty, tmp_path):
    with refused(empty, "which no backup of ours does"):
        restore(rewritten(made.file, tmp_path / "twice", lambda members: members.insert(2, members[1])), Home(empty.home), empty)


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("database_revision", "9999")])
def test_a_backup_of_a_newer_hearth_says_to_update_first(made, empty, tmp_path, key, value):
    def change(members: Members) -> None:
        info, about = members[0]
        members[0] = (info, json.dumps(json.loads(about) | {key: value}).encode())

    with refused(empty, "newer Hearth .*update Hearth first"):
        restore(rewritten(made.file, tmp_path / "newer", change), Home(empty.home), empty)


def test_passphrases_are_asked_for_checked_and_not_ignored(made, sealed, empty):
    with refused(empty, "passphrase is not the one"):
        restore(sealed.file, Home(empty.home), empty, passphrase="four other words here")
    with refused(empty, "is sealed; give the passphrase", ConfigError):
        restore(sealed.file, Home(empty.home), empty)
    with refused(empty, "is not sealed", ConfigError):
        restore(made.file, Home(empty.home), empty, passphrase=PASSPHRASE)


def test_something_else_than_a_backup_is_refused(empty, tmp_path):
    other = tmp_path / "other"
    for content in (b"hello", gzip.compress(b"hello" * 1000), bytes(10_000)):
        other.write_bytes(content)
        with refused(empty, "damaged"):
            restore(other, Home(empty.home), empty)
    for missing in (tmp_path / "missing", tmp_path):
        with refused(empty, "cannot be read"):
            restore(missing, Home(empty.home), empty)


def test_more_than_the_limits_allow_is_not_unpacked(made, empty):
    for limits in (BackupSettings(restored_bytes=1000), BackupSettings(restored_files=3)):
        settings = empty.model_copy(update={"backup": limits})
        with refused(settings, "more than backup.restored_bytes", TooLarge):
            restore(made.file, Home(settings.home), settings)


def test_a_home_that_is_not_empty_stays_unless_forced_and_is_moved_aside_then(made, empty):
    Home(empty.home).create()
    (empty.home / "keys" / "admin.key").write_text("the old one")
    with pytest.raises(Conflict, match=r"not empty.*--force"):
        restore(made.file, Home(empty.home), empty)
    assert (empty.home / "keys" / "admin.key").read_text() == "the old one"
    done = restore(made.file, Home(empty.home), empty, force=True)
    assert done.aside is not None
    assert (done.aside / "keys" / "admin.key").read_text() == "the old one"
    assert (empty.home / "keys" / "admin.key").read_text() == "hearth-key"


def test_a_home_with_nothing_but_empty_folders_is_empty(made, empty):
    Home(empty.home).create()
    assert restore(made.file, Home(empty.home), empty).aside is None
    assert list(empty.home.parent.iterdir()) == [empty.home]


def test_the_home_of_a_running_cluster_is_never_touched(lived_in, made):
    with pytest.raises(Conflict, match="hearth down"):
        restore(made.file, lived_in.home, lived_in.settings, force=True)
    assert lived_in.secret() == "sk-a-real-one"


def test_a_backup_overwrites_nothing_and_wants_a_home(lived_in, made, empty):
    before = made.file.read_bytes()
    with pytest.raises(Conflict, match="overwrites nothing"):
        backup(lived_in.home, lived_in.settings, made.file)
    assert made.file.read_bytes() == before
    with pytest.raises(NotFound, match="nothing to back up"):
        backup(Home(empty.home), empty)


def test_a_passphrase_file_is_private_and_long_enough(tmp_path):
    file = tmp_path / "words"
    file.write_text("correct horse battery\nsecond line\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_passphrase(file)
    file.chmod(0o600)
    assert read_passphrase(file) == "correct horse battery"
    file.write_text("short")
    with pytest.raises(ConfigError, match="12 characters"):
        read_passphrase(file)
    with pytest.raises(ConfigError, match="no passphrase can be read"):
        read_passphrase(tmp_path / "missing")
    assert read_passphrase(None) is None

"""Archives of adapters, as far as the API does not test them: whose fault it is that one cannot be unpacked."""

from __future__ import annotations

import io
import zipfile

import pytest

from cluster.errors import Unprocessable
from cluster.learning.adapters.peft_folder import FILES
from cluster.learning.adapters.unpacking import unpack_adapter

SOUND = b"{}" * 500


def packed() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            archive.writestr(f"folder/{name}", SOUND)
    return made.getvalue()


def test_what_the_disk_cannot_hold_is_not_said_of_the_archive(tmp_path):
    with pytest.raises(FileNotFoundError):
        unpack_adapter(io.BytesIO(packed()), tmp_path / "not there", 10_000)


def test_what_is_damaged_within_is(tmp_path):
    whole = packed()
    at = whole.index(FILES[-1].encode()) + len(FILES[-1]) + 2
    broken = whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 8]) + whole[at + 8 :]
    with pytest.raises(Unprocessable, match="damaged"):
        unpack_adapter(io.BytesIO(broken), tmp_path, 10_000)


def test_only_the_two_files_are_written_wherever_they_lie(tmp_path):
    unpack_adapter(io.BytesIO(packed()), tmp_path, 10_000)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(FILES, SOUND)

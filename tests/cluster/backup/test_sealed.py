"""The stream under a passphrase, by itself."""

from __future__ import annotations

import io

import pytest

from cluster.backup.sealed import CHUNK, MAGIC, SALT, TAG, Sealed, Unsealed, is_sealed
from cluster.errors import BadInput

PASSPHRASE, HEADER = "correct horse battery", len(MAGIC) + SALT


def seal(content: bytes) -> bytes:
    file = io.BytesIO()
    stream = Sealed(file, PASSPHRASE)
    for start in range(0, len(content), 10_000):
        stream.write(content[start : start + 10_000])
    stream.finish()
    return file.getvalue()


def unseal(sealed: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return io.BufferedReader(Unsealed(io.BytesIO(sealed), passphrase)).read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_opens_whatever_its_length(size):
    content = bytes(range(256)) * (size // 256 + 1)
    assert unseal(seal(content[:size])) == content[:size]


def test_the_same_content_looks_different_each_time_and_nothing_of_it_shows():
    first, second = seal(b"a secret of ours"), seal(b"a secret of ours")
    assert first != second
    assert b"secret" not in first
    assert is_sealed(io.BytesIO(first))


def test_chunks_that_are_cut_swapped_repeated_or_appended_do_not_open():
    sealed = seal(bytes(3 * CHUNK))
    step = CHUNK + TAG
    header, chunks = sealed[:HEADER], [sealed[start : start + step] for start in range(HEADER, len(sealed), step)]
    first, second, third = chunks
    for wrong in ([first, second], [second, first, third], [first, first, second, third], [*chunks, third], [first, third], []):
        with pytest.raises(BadInput, match="damaged"):
            unseal(header + b"".join(wrong))


def test_another_passphrase_or_header_does_not_open_it():
    sealed = seal(b"x")
    for wrong in (sealed[:HEADER], sealed[:10], b"", MAGIC + bytes(SALT) + sealed[HEADER:]):
        with pytest.raises(BadInput, match="passphrase is not the one"):
            unseal(wrong)
    with pytest.raises(BadInput, match="passphrase is not the one"):
        unseal(sealed, "another horse battery")

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import NotFound
from cluster.leases import LeaseBook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "leases.json"


def test_what_was_accepted_is_there_after_a_restart(path: Path) -> None:
    book = LeaseBook(path)
    book.request("job", "training", 0.5, 100, now=10.0, ttl_s=60.0)
    book.grant("job", "gpu-1")
    book.renew("job", now=20.0, ttl_s=60.0, taken_on="gpu-0")
    [lease] = LeaseBook(path).all()
    assert (lease.granted, lease.device, lease.taken, lease.expires_at) == (True, "gpu-0", True, 80.0)


def test_asking_twice_with_one_id_is_one_lease(path: Path) -> None:
    book = LeaseBook(path)
    book.request("job", "training", 0.5, 100, now=10.0, ttl_s=60.0)
    again = book.request("job", "training", 0.5, 100, now=30.0, ttl_s=60.0)
    assert len(book.all()) == 1
    assert again.expires_at == 90.0


def test_a_lease_that_is_not_renewed_lapses_and_says_so(path: Path) -> None:
    book = LeaseBook(path)
    book.request("job", "training", 0.5, 100, now=10.0, ttl_s=60.0)
    assert book.expire(now=69.0) == []
    assert [lease.id for lease in book.expire(now=70.0)] == ["job"]
    assert LeaseBook(path).all() == ()
    with pytest.raises(NotFound, match="request a new one"):
        book.renew("job", now=71.0, ttl_s=60.0)


def test_giving_back_twice_is_fine(path: Path) -> None:
    book = LeaseBook(path)
    book.request("job", "training", 0.5, 100, now=10.0, ttl_s=60.0)
    book.release("job")
    book.release("job")
    assert not book.has("job")


def test_a_write_cut_short_leaves_the_old_file(path: Path) -> None:
    book = LeaseBook(path)
    book.request("job", "training", 0.5, 100, now=10.0, ttl_s=60.0)
    path.with_suffix(".new").write_text('{"half')
    assert LeaseBook(path).has("job")

"""The memory of a training, leased from a ledger that lives in this process."""

from __future__ import annotations

import threading
import time

import pytest

from cluster.contracts.residency import DeviceUse, Lease, ModelUse, ResidencySnapshot
from cluster.errors import Cancelled, Conflict, NotFound
from cluster.learning.tuning.spec import Hyperparameters
from cluster.leases import LeaseBook
from cluster.settings import TuningSettings
from tests.training.finetune.conftest import NANO
from training.finetune.lease import Wanted, leased
from training.finetune.memory import needed_bytes

GIB = 2**30
LIMITS = TuningSettings(lease_ttl_s=3, lease_wait_s=30)


class Cards:
    """A ledger with two cards of 24 GiB on which a model of 20 GiB each is resident; ``yields``: whether these leave for a lease."""

    def __init__(self, folder, yields: bool) -> None:
        self.book = LeaseBook(folder / "leases.json")
        self.yields = yields
        self.renewals: list[str | None] = []

    def snapshot(self) -> ResidencySnapshot:
        devices = tuple(DeviceUse(f"gpu{number}", "P40", 24 * GIB, 20 * GIB) for number in range(2))
        cpu = DeviceUse("cpu", "CPU", 64 * GIB, 0)
        models = tuple(ModelUse(f"large-{number}", f"gpu{number}", True, False, 0, 0, 1, 0, 1.0, 20 * GIB, None) for number in range(2))
        return ResidencySnapshot(time.time(), (*devices, cpu), models, self.book.all())

    def request_lease(self, lease_id: str, holder: str, num_gpus: float, budget_bytes: int, ttl_s: float) -> Lease:
        lease = self.book.request(lease_id, holder, num_gpus, budget_bytes, time.time(), ttl_s)
        return self.book.grant(lease_id, "gpu1") if self.yields else lease

    def renew_lease(self, lease_id: str, ttl_s: float, taken_on: str | None = None) -> Lease:
        self.renewals.append(taken_on)
        return self.book.renew(lease_id, time.time(), ttl_s, taken_on)

    def release_lease(self, lease_id: str) -> None:
        self.book.release(lease_id)


def wanted(each: int = 12 * GIB, workers: int = 1) -> Wanted:
    return Wanted([f"lease-{number}" for number in range(workers)], "fine-tuning x", each)


def ignore(told: str) -> None: ...


def test_it_is_held_renewed_while_it_lasts_and_given_back(tmp_path):
    cards = Cards(tmp_path, yields=True)
    with leased(cards, wanted(), LIMITS, ignore) as held:
        assert (held.devices, held.share) == (("gpu1",), 0.5)
        held.taken = ["gpu1"]
        until = time.monotonic() + 20
        while "gpu1" not in cards.renewals and time.monotonic() < until:
            held.check()
        assert "gpu1" in cards.renewals
        assert [lease.budget_bytes for lease in cards.book.all()] == [12 * GIB]
    assert cards.book.all() == ()


def test_it_is_given_back_when_the_training_fails(tmp_path):
    cards = Cards(tmp_path, yields=True)
    with pytest.raises(NotFound), leased(cards, wanted(), LIMITS, ignore):
        raise NotFound("the file is gone")
    assert cards.book.all() == ()


def test_where_nothing_leaves_the_error_says_what_would_have_to(tmp_path):
    cards = Cards(tmp_path, yields=False)
    limits = LIMITS.model_copy(update={"lease_wait_s": 0})
    with (
        pytest.raises(Conflict, match=r"needs 12.0 GiB on one card: on gpu0 4.0 GiB of 24.0 GiB are free.*'large-0' \(20.0 GiB\)"),
        leased(cards, wanted(), limits, ignore),
    ):
        pass
    assert cards.book.all() == ()


@pytest.mark.parametrize("asked", [wanted(30 * GIB), wanted(workers=3)])
def test_what_can_never_fit_is_refused_at_once(tmp_path, asked):
    cards = Cards(tmp_path, yields=True)
    with pytest.raises(Conflict, match=r"gpu0 has 24.0 GiB, gpu1 has 24.0 GiB"), leased(cards, asked, LIMITS, ignore):
        pass
    assert cards.renewals == []


def test_a_wait_can_be_cancelled(tmp_path):
    cards = Cards(tmp_path, yields=False)

    def cancelled(told: str) -> None:
        raise Cancelled(told)

    with pytest.raises(Cancelled), leased(cards, wanted(), LIMITS, cancelled):
        pass
    assert cards.book.all() == ()


def test_a_lease_that_has_lapsed_ends_the_training(tmp_path):
    cards = Cards(tmp_path, yields=True)
    with leased(cards, wanted(), LIMITS, ignore) as held:
        cards.book.release("lease-0")
        until = time.monotonic() + 20
        while held.lost is None and time.monotonic() < until:
            threading.Event().wait(0.05)
        with pytest.raises(Conflict, match="given to others"):
            held.check()


def test_checkpointing_and_shorter_examples_need_less():
    plain = needed_bytes(NANO, Hyperparameters(), 4)
    assert needed_bytes(NANO, Hyperparameters(gradient_checkpointing=True), 4) < plain
    assert needed_bytes(NANO, Hyperparameters(max_tokens=256), 4) < plain
    assert plain > 800 * 2**20

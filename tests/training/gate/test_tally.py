"""Tokens of a verdict, over all attempts at it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cluster.contracts.generation import Usage
from cluster.learning.gate.verdict import Tokens
from training.gate.tally import Tally


def test_another_attempt_goes_on_counting():
    first = Tally({})
    first.add("candidate", Usage(10, 2))
    second = Tally(first.noted())
    second.add("candidate", Usage(5, 1))
    second.add("incumbent", Usage(5, 3))
    assert second.tokens() == {"candidate": Tokens(prompt=15, completion=3), "incumbent": Tokens(prompt=5, completion=3)}


def test_threads_lose_no_count():
    tally = Tally({})
    with ThreadPoolExecutor(8) as pool:
        for _ in range(400):
            pool.submit(tally.add, "candidate", Usage(1, 1))
    assert tally.tokens()["candidate"] == Tokens(prompt=400, completion=400)


def test_nothing_asked_is_nothing():
    assert Tally({}).tokens() == {"candidate": Tokens(), "incumbent": Tokens()}

"""Threads that compute for many stand back; the others of their process do not."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from deployments.standing_back import BEHIND, NICENESS, stand_back


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_only_the_thread_that_asks_stands_back_and_those_it_starts():
    before = niceness()
    with ThreadPoolExecutor(1, initializer=stand_back) as aside:
        assert aside.submit(niceness).result() == max(before, NICENESS)
        with aside.submit(ThreadPoolExecutor, 1).result() as others:
            assert aside.submit(lambda: others.submit(niceness).result()).result() == max(before, NICENESS)
    assert niceness() == before


def test_what_stands_further_back_already_stays_there():
    def asked_twice() -> int:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS + 5)
        stand_back()
        return niceness()

    with ThreadPoolExecutor(1) as aside:
        assert aside.submit(asked_twice).result() == NICENESS + 5


def test_what_nobody_waits_for_stands_further_back():
    before = niceness()
    with ThreadPoolExecutor(1, initializer=stand_back, initargs=(BEHIND,)) as aside:
        assert aside.submit(niceness).result() == max(before, BEHIND)
    assert niceness() == before

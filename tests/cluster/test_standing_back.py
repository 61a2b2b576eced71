"""Who stands back: one thread, all of a process, or all of a session."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.home import REPOSITORY
from cluster.standing_back import AUTOGROUP, LAST, sessions_share, stand_back, stand_back_entirely

ENTIRELY = """
import os, threading
from cluster.standing_back import stand_back_entirely
done = threading.Event()
other = threading.Thread(target=done.wait)
other.start()
stand_back_entirely(19)
print(*(os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")))
done.set()
"""
SESSION = """
from cluster.standing_back import AUTOGROUP, stand_back_from_other_sessions
stand_back_from_other_sessions(7)
print(AUTOGROUP.read_text().split()[-1])
"""


def policy() -> int:
    return os.sched_getscheduler(threading.get_native_id())


def said(program: str, *, own_session: bool = False) -> str:
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True, start_new_session=own_session)
    return done.stdout.strip()


def test_what_stands_last_runs_when_nobody_else_wants_to_and_the_others_of_its_process_as_before():
    before = policy()
    with ThreadPoolExecutor(1, initializer=stand_back, initargs=(LAST,)) as aside:
        assert aside.submit(policy).result() == os.SCHED_IDLE
    with ThreadPoolExecutor(1, initializer=stand_back, initargs=(LAST - 1,)) as aside:
        assert aside.submit(policy).result() == before
    assert policy() == before


def test_all_threads_of_a_process_can_stand_back_at_once():
    assert set(said(ENTIRELY).split()) == {str(os.SCHED_IDLE)}


def test_who_is_not_to_stand_back_stays_where_it_is():
    def asked() -> tuple[int, int]:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        stand_back_entirely(0)
        return before, os.getpriority(os.PRIO_PROCESS, 0)

    before, after = asked()
    assert before == after


@pytest.mark.skipif(not sessions_share(), reason="this kernel does not share CPU time among sessions")
def test_a_session_of_its_own_stands_back_as_a_whole_and_nobody_elses():
    assert said(SESSION, own_session=True) == "7"
    assert said(SESSION) == AUTOGROUP.read_text().split()[-1]

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import shared_memory
from pathlib import Path

import psutil
import pytest

from cluster.home import Home
from cluster.runtime import processes
from tests.patience import PATIENCE_S


@pytest.fixture
def home(tmp_path: Path):
    home = Home(tmp_path)
    home.create()
    yield home
    processes.sweep(home, grace_s=2)


def spawn(code: str, env: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "up"
    return process


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def test_only_processes_with_the_mark_of_this_home_are_ours(home: Home, tmp_path: Path):
    mine = spawn(SLEEP, {processes.MARK: home.mark})
    other = spawn(SLEEP, {processes.MARK: Home(tmp_path / "other").mark})
    try:
        assert [process.pid for process in processes.ours(home)] == [mine.pid]
        processes.sweep(home, grace_s=2)
        assert wait_until_gone(mine.pid)
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.communicate()


def test_a_process_that_overwrote_its_environment_is_found_by_its_open_files(home: Home):
    held = home.scratch / "held"
    held.touch()
    with spawn(f"import time; f = open({str(held)!r}); print('up', flush=True); time.sleep(60)", {}) as process:
        assert [found.pid for found in processes.ours(home)] == [process.pid]
        processes.sweep(home, grace_s=2)


def test_children_of_our_processes_are_ours_even_without_a_mark(home: Home):
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], env={})\n"
        "print('up', flush=True); time.sleep(60)"
    )
    with spawn(code, {processes.MARK: home.mark}) as parent:
        child = psutil.Process(parent.pid).children()[0].pid
        assert {process.pid for process in processes.ours(home)} == {parent.pid, child}
        processes.sweep(home, grace_s=2)
        assert wait_until_gone(child)


def test_one_that_ignores_sigterm_is_killed_after_the_grace(home: Home):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with spawn(code, {processes.MARK: home.mark}) as process:
        assert processes.sweep(home, grace_s=1) == 1
        assert wait_until_gone(process.pid)


def test_shared_memory_of_a_killed_process_is_removed(home: Home):
    code = (
        "import time\nfrom multiprocessing import resource_tracker, shared_memory\n"
        "s = shared_memory.SharedMemory('hearth-test-segment', create=True, size=4096)\n"
        "resource_tracker.unregister(s._name, 'shared_memory')\n"
        "print('up', flush=True); time.sleep(60)"
    )
    with spawn(code, {processes.MARK: home.mark}):
        assert Path("/dev/shm/hearth-test-segment").exists()
        processes.sweep(home, grace_s=2)
    with pytest.raises(FileNotFoundError):
        shared_memory.SharedMemory("hearth-test-segment")


def test_a_recycled_pid_is_not_taken_for_ours(home: Home):
    assert not processes.alive(os.getpid(), home)


def test_sweeping_nothing_is_fine(home: Home):
    assert processes.sweep(home) == 0
    assert not home.scratch.exists()

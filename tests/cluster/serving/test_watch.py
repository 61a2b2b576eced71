from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from cluster.serving.watch import Families

PARENT = "import subprocess, sys; child = subprocess.Popen(['cat'], stdin=subprocess.PIPE); print(child.pid, flush=True); sys.stdin.read()"


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process with a child, whose id is its first line."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def test_a_family_is_a_process_and_all_below_it(parent: subprocess.Popen[str]):
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    families = Families()
    assert families.of(parent.pid) == {parent.pid, child}
    assert {parent.pid, child, os.getpid()} <= families.of(os.getpid())
    own, both = psutil.Process(parent.pid).memory_info().rss, families.resident_bytes(parent.pid)
    assert both is not None
    assert both > own * 0.9


def test_a_process_that_is_gone_has_no_family_and_no_memory(parent: subprocess.Popen[str]):
    parent.kill()
    parent.wait()
    families = Families()
    assert families.of(parent.pid) == frozenset()
    assert families.resident_bytes(parent.pid) is None

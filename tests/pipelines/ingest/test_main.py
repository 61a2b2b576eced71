"""The job loads what it needs without keeping anybody waiting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from pathlib import Path

import psutil
import pytest

from cluster.home import REPOSITORY, Home

NICENESS = 11


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One whose cluster says how far jobs stand back, and nothing else that would let one begin."""
    made = Home(tmp_path)
    made.create()
    (made.run / "launch.json").write_text(json.dumps({"settings": {"ingest": {"niceness": NICENESS}}}))
    return made


def spent(process: psutil.Process) -> Counter[int]:
    """CPU seconds of a process by the niceness of its threads."""
    seconds = Counter[int]()
    for thread in process.threads():
        seconds[os.getpriority(os.PRIO_PROCESS, thread.id)] += thread.user_time + thread.system_time  # type: ignore[assignment]
    return seconds


def test_its_libraries_are_loaded_at_the_priority_that_the_cluster_says(home: Home):
    words = [sys.executable, "-m", "pipelines.ingest", str(uuid.uuid4()), "--attempt", "1", "--home", str(home.root)]
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as job:
        watched, most, pause = psutil.Process(job.pid), Counter[int](), threading.Event()
        while job.poll() is None:
            # Who looks all the time takes the CPU from those who stand back.
            pause.wait(0.05)
            try:
                most |= spent(watched)
            except (psutil.Error, OSError):  # a thread, or all of it, has just ended
                continue
        assert job.stdout is not None
        said = job.stdout.read()
    assert "Launch" in said, said
    assert most[max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))] > 0.7 * most.total()

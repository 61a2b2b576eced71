"""A job's process reaches the cluster, and ends when its work does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cluster.home import REPOSITORY

PROGRAM = """
import sys
from pathlib import Path
from anyio import sleep
from cluster.serving.reach import Attachment
from cluster.settings import Settings

reach = Attachment(Settings(home=Path(sys.argv[1])), ()).reach()
reach.wait(sleep, 0)
print("reached")
"""


def test_a_process_that_reached_the_cluster_ends_by_itself(tmp_path: Path):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "reached\n"), done.stderr

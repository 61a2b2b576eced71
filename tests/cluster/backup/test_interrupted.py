"""Backups and restores that are killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster.backup.restore import restore
from cluster.home import REPOSITORY, Home
from tests.cluster.backup.conftest import opened
from tests.patience import PATIENCE_S

BACK_UP = """
import sys
from pathlib import Path
from cluster.backup.create import backup
from cluster.home import Home
from cluster.settings import Settings
backup(Home(Path(sys.argv[1])), Settings(home=sys.argv[1]), Path(sys.argv[2]), models=True)
"""
RESTORE = """
import sys
from pathlib import Path
from cluster.backup.restore import restore
from cluster.home import Home
from cluster.settings import Settings
restore(Path(sys.argv[2]), Home(Path(sys.argv[1])), Settings(home=sys.argv[1]))
"""


def killed_when(condition: Callable[[], bool], program: str, *words: Path) -> None:
    """Runs ``program`` and ends it with SIGKILL as soon as ``condition`` holds."""
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, words)], cwd=REPOSITORY)
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()


def test_a_killed_backup_leaves_no_file_of_its_name(lived_in, tmp_path):
    large = lived_in.home.models / "large" / "weights"
    large.parent.mkdir()
    try:
        with large.open("wb") as file:
            file.truncate(2 * 2**30)
        begun = lambda: any(one.stat().st_size > 100_000 for one in tmp_path.glob(".all.*"))  # noqa: E731
        killed_when(begun, BACK_UP, lived_in.home.root, tmp_path / "all")
    finally:
        shutil.rmtree(large.parent)
    assert not (tmp_path / "all").exists()
    assert all(one.name.startswith(".all.") and one.stat().st_mode & 0o077 == 0 for one in tmp_path.iterdir() if one.is_file())


def test_a_killed_restore_leaves_no_home_and_the_next_one_clears_up(made, empty):
    staging = empty.home.with_name(".new.restoring")
    killed_when(lambda: (staging / "database" / "postmaster.pid").exists(), RESTORE, empty.home, made.file)
    assert not empty.home.exists()
    restore(made.file, Home(empty.home), empty)
    assert list(empty.home.parent.iterdir()) == [empty.home]
    with opened(empty) as new:
        assert new.secret() == "sk-a-real-one"

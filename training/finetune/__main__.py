"""``python -m training.finetune JOB_ID``: trains an adapter (see job.py).

As in pipelines/ingest: what that loads takes seconds of CPU, which people who wait for an answer need more, so it is loaded in a thread
that stands back. The first thread, and those it starts to say that this process lives, do not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from cluster.home import Home
from cluster.standing_back import stand_back, stand_back_from_other_sessions


def main() -> None:
    niceness = _niceness(sys.argv)
    stand_back_from_other_sessions(niceness)
    with ThreadPoolExecutor(1, initializer=stand_back, initargs=(niceness,)) as aside:
        job = aside.submit(import_module, "training.finetune.job").result()
    job.main()


def _niceness(words: Sequence[str]) -> int:
    """``tuning.niceness`` of the running cluster; 0 where none runs, which the job will say."""
    named = (after for word, after in pairwise(words) if word == "--home")
    root = Path(next(named, os.environ.get("HEARTH_HOME", "~/.hearth"))).expanduser()
    launch = Home(root).run / "launch.json"
    told = json.loads(launch.read_bytes()) if launch.is_file() else {"settings": {"tuning": {"niceness": 0}}}
    return int(told["settings"]["tuning"]["niceness"])


if __name__ == "__main__":
    main()

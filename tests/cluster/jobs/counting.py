"""A job of the tests: counts, one number at a time, and writes each into a file.

Its spec: ``most`` numbers, ``pace_s`` seconds each, into ``file``; ``die_at``: before that number, in its first attempt, it kills itself;
``fail_at``: there it fails, in every attempt; ``deaf``: it neither reports nor listens; ``lingers``: its process does not end by itself.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from cluster.errors import Unprocessable
from cluster.jobs.work import Work, run_job


def count(work: Work) -> dict[str, Any]:
    spec = work.spec
    if spec.get("lingers"):
        atexit.register(threading.Event().wait)
    first = work.checkpoint.get("next", 0)
    work.log(f"attempt {work.attempt} begins at {first}")
    for number in range(first, spec["most"]):
        if number == spec.get("die_at") and work.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == spec.get("fail_at"):
            raise Unprocessable(f"{number} cannot be counted.")
        with Path(spec["file"]).open("a") as file:
            file.write(f"{number} {os.getpid()} {work.attempt}\n")
        time.sleep(spec.get("pace_s", 0))
        if not spec.get("deaf"):
            work.progress(number + 1, spec["most"], "numbers", "counting", checkpoint={"next": number + 1})
    return {"counted": spec["most"], "attempts": work.attempt}


if __name__ == "__main__":
    run_job(count)

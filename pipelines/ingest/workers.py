"""What Ray's workers of an ingestion are started as."""

from __future__ import annotations

import shlex
import sys

from cluster.settings import IngestSettings


def worker_environment(limits: IngestSettings) -> dict[str, str]:
    """A runtime environment of Ray's whose workers stand back from their first instruction on: until the first of our code runs in them
    they load libraries for seconds. Python is where it is here on every node, as the repository is."""
    return {"py_executable": f"nice -n {limits.niceness} {shlex.quote(sys.executable)}"} if limits.niceness else {}

"""Jobs without Ray: each a child process of this one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

from cluster.home import REPOSITORY
from cluster.jobs.runner import Process

_NOT_OURS = ("HEARTH_", "RAY_")


class LocalJobs:
    """A JobRunner. Knows the processes it started, and forgets them with this process; what they print goes where this one's does.
    Several dispatchers may share one."""

    def __init__(self) -> None:
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._lock = asyncio.Lock()

    async def submit(self, submission_id: str, command: Sequence[str], about: Mapping[str, str]) -> None:
        async with self._lock:
            if submission_id not in self.processes:
                env = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
                env |= {f"ABOUT_{name.upper()}": value for name, value in about.items()}
                self.processes[submission_id] = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, env=env)

    async def look(self, submission_id: str) -> Process | None:
        process = self.processes.get(submission_id)
        if process is None:
            return None
        return Process(process.returncode is None, "" if process.returncode is None else f"Exit code {process.returncode}.")

    async def stop(self, submission_id: str) -> None:
        process = self.processes.get(submission_id)
        if process is not None and process.returncode is None:
            process.terminate()

    async def close(self) -> None:
        """Processes go on; see :meth:`end`."""

    async def end(self) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()

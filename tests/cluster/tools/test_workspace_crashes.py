"""A process that dies in the middle of a change: whichever step it reached, asked for again, the change is there once."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import pytest

from cluster.settings import ToolSettings
from cluster.tools.folders import Disk
from cluster.tools.workspace import Workspace
from cluster.tools.workspaces import Workspaces

US = uuid.UUID(int=1)


class DyingDisk(Disk):
    """Kills its process before (``half`` 0) or in the middle of the step ``at``."""

    def __init__(self, at: int, half: int) -> None:
        self.left = at
        self.half = half

    def _step(self) -> bool:
        self.left -= 1
        if self.left == 0 and not self.half:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.left == 0

    def write(self, descriptor: int, data: bytes) -> None:
        dies = self._step()
        super().write(descriptor, data[: len(data) // 2] if dies else data)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    def sync(self, descriptor: int) -> None:
        if self._step():
            os.kill(os.getpid(), signal.SIGKILL)
        super().sync(descriptor)

    def rename(self, name: str, new: str, folder: int, to: int) -> None:
        dies = self._step()
        super().rename(name, new, folder, to)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)


def change(space: Workspace, what: str) -> None:
    if what == "append":
        space.append("a/log.txt", b"one more\n", "key")
    elif what == "write":
        space.write("a/log.txt", b"all new\n", "key")
    else:
        space.delete("a/log.txt", "key")


def died(root: Path, what: str, step: int, half: int) -> bool:
    """Whether a process of its own, which makes the change, died of it at the step."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            change(Workspaces(root, ToolSettings(), DyingDisk(step, half)).of(US, "run-1"), what)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(process, 0)[1]
    assert status in {0, signal.SIGKILL}
    return status != 0


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(("what", "other"), [("append", False), ("append", True), ("write", False), ("delete", False)])
def test_a_change_is_made_once_whenever_its_process_dies(tmp_path: Path, what: str, other: bool, half: int) -> None:
    """``other``: somebody else changes the file before it is asked for again."""
    deaths = 0
    for step in range(1, 12):
        root = tmp_path / str(step)
        space = Workspaces(root, ToolSettings()).of(US, "run-1")
        space.write("a/log.txt", b"before\n")
        is_dead = died(root, what, step, half)
        deaths += is_dead
        if what == "delete":
            change(space, what)
            assert space.entries("a") == []
        else:
            assert space.read("a/log.txt") in {b"before\n", b"before\none more\n", b"all new\n"}
            if other:
                space.append("a/log.txt", b"another\n", "other")
            change(space, what)
            change(space, what)
            lines = space.read("a/log.txt").decode().splitlines()
            wanted = ["all new"] if what == "write" else ["before", "one more", *(["another"] if other else [])]
            assert sorted(lines) == sorted(wanted), f"died at step {step}"
        assert list((root / str(US) / "run-1" / "part").iterdir()) == []
        if not is_dead:
            break
    else:
        raise AssertionError("it never came to its end")
    assert deaths >= 3

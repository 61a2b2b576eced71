"""The programs that are compared: started, asked for their CPU time, ended. Each is a child process with what it needs on its stdin."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import IO, ClassVar, Self, TypeVar

import psutil
from pydantic import BaseModel

from cluster.bench.streams import Job, Outcome
from cluster.bench.usage import cpu_between, cpu_by_pid, tree
from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.runtime.ports import free_ports

CHAT = "/v1/chat/completions"
T = TypeVar("T")


class Contender(ABC):
    """A program that is measured. Used as a context manager: it runs inside."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def timed(self, action: Callable[[], T]) -> tuple[T, float]:
        """What ``action`` returns, and the CPU seconds that the contender's processes spent meanwhile."""
        before = cpu_by_pid(self.processes())
        result = action()
        return result, cpu_between(before, cpu_by_pid(self.processes()))

    @abstractmethod
    def start(self) -> None:
        """Returns when it is ready; what must be ended is on ``self._stack``."""

    @abstractmethod
    def processes(self) -> list[psutil.Process]: ...


class Streaming(Contender):
    """One that answers a Job."""

    @abstractmethod
    def drive(self, job: Job) -> Outcome: ...

    def run(self, job: Job) -> Outcome:
        """The outcome, with the CPU time that it cost."""
        outcome, cpu_s = self.timed(lambda: self.drive(job))
        return outcome.model_copy(update={"server_cpu_s": cpu_s})


class Program(Contender):
    """A contender that is one of our scripts, run with ``python -m``. It is handed ``spec`` as a line of JSON and says "ready"."""

    module: ClassVar[str]

    def __init__(self, spec: BaseModel) -> None:
        super().__init__()
        self._spec = spec

    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module]

    def arguments(self) -> list[str]:
        return []

    def start(self) -> None:
        self._log = self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - the stack closes it
        self._child = launch([*self.command(), *self.arguments()], self._stack, self._log)
        say(self._child, self._spec.model_dump_json())
        if hear(self._child).strip() != "ready":
            raise EngineError(f"{self.module} did not start. {self.last_words()}")

    def last_words(self) -> str:
        """What it wrote on standard error, by its end."""
        self._log.seek(0)
        return f"Its last words: {self._log.read()[-2000:]}"

    def processes(self) -> list[psutil.Process]:
        return tree(self._child.pid)


class Direct(Program, Streaming):
    """The engine asked in its own process: no server at all."""

    name = "engine directly"
    module = "deployments.bench.direct"

    def drive(self, job: Job) -> Outcome:
        say(self._child, job.model_dump_json())
        return Outcome.model_validate_json(hear(self._child))


class Listening(Program):
    """A script that listens on ``port``, its first argument."""

    port = 0
    key = ""  # nobody asks for one

    def arguments(self) -> list[str]:
        (self.port,) = free_ports(1)
        return [str(self.port)]


class Served(Listening, Streaming):
    """A script that answers chat completions."""

    def drive(self, job: Job) -> Outcome:
        return ask_over_http(job, self.port)


class EngineServer(Served):
    name = "engine's own server"
    module = "deployments.bench.engine_server"


class BareServe(Served):
    name = "bare Ray Serve"
    module = "deployments.bench.bare_serve"

    def arguments(self) -> list[str]:
        # Unix sockets below it: the path must be short.
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-", ignore_cleanup_errors=True))
        return [*super().arguments(), folder]


def ask_over_http(job: Job, port: int) -> Outcome:
    """Runs ``job`` against a server on loopback, from a client process of its own."""
    return Outcome.model_validate_json(client("cluster.bench.load", port, CHAT, job))


def client(module: str, port: int, path: str, job: BaseModel) -> str:
    """What ``python -m module HOST PORT PATH`` prints when it is given ``job``. Raises EngineError when it fails."""
    command = [sys.executable, "-m", module, "127.0.0.1", str(port), path]
    ran = subprocess.run(command, cwd=REPOSITORY, input=job.model_dump_json(), capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise EngineError(f"The load client {module} failed: {ran.stderr[-2000:]}")
    return ran.stdout


def launch(command: list[str], stack: ExitStack, log: IO[str]) -> subprocess.Popen[str]:
    """Starts a program; ``stack`` ends it by closing its stdin, and kills what is left of it after half a minute."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "HEARTH_"))}
    environment |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    child = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    stack.callback(_end, child)
    return child


def say(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()


def hear(child: subprocess.Popen[str]) -> str:
    """The next line of its output; empty when it ended. Lines of other programs' making (Ray's) are passed over."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("{") or line.strip() == "ready":
            return line
    return ""


def _end(child: subprocess.Popen[str], grace_s: float = 30.0) -> None:
    family = tree(child.pid)
    assert child.stdin is not None
    child.stdin.close()
    _, alive = psutil.wait_procs(family, timeout=grace_s)
    for process in alive:
        process.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()

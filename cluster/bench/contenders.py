"""The programs that are compared: started, asked for their CPU time, ended. Each is a child process with what it needs on its stdin."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

import psutil

from cluster.bench.streams import Job, Outcome
from cluster.bench.usage import cpu_between, cpu_by_pid, tree
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.runtime.ports import free_ports

CHAT = "/v1/chat/completions"


class Contender(ABC):
    """Used as a context manager; :meth:`run` is valid inside."""

    name: str

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def run(self, job: Job) -> Outcome:
        """The outcome of one job, with the CPU time that the contender's processes spent on it."""
        before = cpu_by_pid(self.processes())
        outcome = self.drive(job)
        return outcome.model_copy(update={"server_cpu_s": cpu_between(before, cpu_by_pid(self.processes()))})

    @abstractmethod
    def start(self) -> None:
        """Returns when it is ready; what must be ended is on ``self._stack``."""

    @abstractmethod
    def drive(self, job: Job) -> Outcome: ...

    @abstractmethod
    def processes(self) -> list[psutil.Process]: ...


class Program(Contender):
    """A contender that is one of our scripts. It is handed ``spec`` and says "ready"."""

    def __init__(self, name: str, module: str, spec: ReplicaSpec) -> None:
        super().__init__()
        self.name = name
        self._module, self._spec = module, spec

    def arguments(self) -> list[str]:
        return []

    def start(self) -> None:
        log = self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - the stack closes it
        self._child = launch(self._module, self.arguments(), self._stack, log)
        say(self._child, self._spec.model_dump_json())
        if hear(self._child).strip() != "ready":
            log.seek(0)
            raise EngineError(f"{self._module} did not start. Its last words: {log.read()[-2000:]}")

    def processes(self) -> list[psutil.Process]:
        return tree(self._child.pid)


class Direct(Program):
    """The engine asked in its own process: no server at all."""

    def __init__(self, spec: ReplicaSpec) -> None:
        super().__init__("engine directly", "deployments.bench.direct", spec)

    def drive(self, job: Job) -> Outcome:
        say(self._child, job.model_dump_json())
        return Outcome.model_validate_json(hear(self._child))


class Served(Program):
    """A script that answers chat completions on a port."""

    def arguments(self) -> list[str]:
        (self._port,) = free_ports(1)
        return [str(self._port)]

    def drive(self, job: Job) -> Outcome:
        return ask_over_http(job, self._port)


class EngineServer(Served):
    def __init__(self, spec: ReplicaSpec) -> None:
        super().__init__("engine's own server", "deployments.bench.engine_server", spec)


class BareServe(Served):
    def __init__(self, spec: ReplicaSpec) -> None:
        super().__init__("bare Ray Serve", "deployments.bench.bare_serve", spec)

    def arguments(self) -> list[str]:
        # Unix sockets below it: the path must be short.
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-", ignore_cleanup_errors=True))
        return [*super().arguments(), folder]


def ask_over_http(job: Job, port: int, path: str = CHAT) -> Outcome:
    """Runs ``job`` against a server on loopback, from a client process of its own."""
    command = [sys.executable, "-m", "cluster.bench.load", "127.0.0.1", str(port), path]
    client = subprocess.run(command, cwd=REPOSITORY, input=job.model_dump_json(), capture_output=True, text=True, check=False)
    if client.returncode != 0:
        raise EngineError(f"The load client failed: {client.stderr[-2000:]}")
    return Outcome.model_validate_json(client.stdout)


def launch(module: str, arguments: list[str], stack: ExitStack, log: IO[str]) -> subprocess.Popen[str]:
    """Starts ``python -m module``; ``stack`` ends it by closing its stdin, and kills what is left of it after half a minute."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "HEARTH_"))}
    environment |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
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

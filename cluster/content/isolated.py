"""Runs parsers in a process of its own, so that a file can end neither the job nor the memory of the machine.

The process is kept from call to call, has a ceiling on its address space, and is ended when a call takes too long; the next call starts
another. (concurrent.futures cannot end one call; pebble, which can, is under the LGPL; Ray would retry a crashed task on the same file.)
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, cast

from cluster.errors import HearthError, TooLarge, Unprocessable
from cluster.settings import IngestSettings

P = ParamSpec("P")
R = TypeVar("R")
DEAD_WAIT_S, END_WAIT_S = 0.5, 5.0


class Isolated:
    """One helper process. Not for several threads at once. Use as a context, or call :meth:`close`; if its owner dies, it ends too."""

    def __init__(self, limits: IngestSettings) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns. Errors of Hearth are raised as they are; anything else that goes wrong in there, a crash, no more
        memory or time, as Unprocessable or TooLarge with a reason for people."""
        pipe = self._ready()
        try:
            pipe.send((function, args, kwargs))
            if not pipe.poll(self._limits.parse_timeout_s):
                self.close()
                raise TooLarge(f"Reading it took more than {self._limits.parse_timeout_s:g} seconds (setting ingest.parse_timeout_s).")
            answer = pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            raise Unprocessable(f"Reading it ended the process that did ({self._end()}); the file is damaged or too large.") from None
        if isinstance(answer, BaseException):
            raise answer
        return cast("R", answer[0])

    def close(self) -> None:
        """Ends the process, at once if need be."""
        self._end()

    def _ready(self) -> Connection:
        if self._process is None or self._pipe is None or self._process.poll() is not None:
            self._end()
            self._pipe, theirs = Pipe()
            # A fresh interpreter: a fork would copy the threads of Ray's worker, and multiprocessing's "spawn" import its main program.
            words = [sys.executable, "-m", "cluster.content.isolated", str(theirs.fileno()), str(int(self._limits.parse_memory))]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment)
            theirs.close()
        return self._pipe

    def _end(self) -> str:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe is not None:
            pipe.close()
        if process is None:
            return "it was not running"
        try:
            # One that has crashed, or waits for work, ends by itself; one that works is ended.
            code = process.wait(DEAD_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(END_WAIT_S)
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def serve(pipe: Connection, memory: int) -> None:
    """Answers calls until the other side is gone, with no more than ``memory`` bytes of address space."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))
    # A crash is expected of some files; its picture of the memory would fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whoever stops the owner (Ctrl-C goes to the whole group) has it close this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, args, kwargs = pipe.recv()
            pipe.send(_answer(function, args, kwargs))


def _answer(function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    try:
        return (function(*args, **kwargs),)
    except HearthError as error:
        return type(error)(error.message)
    except MemoryError:
        return TooLarge("Reading it took more memory than it may (setting ingest.parse_memory).")
    except RecursionError:
        return Unprocessable("It is nested too deeply.")
    except Exception as error:  # noqa: BLE001 - a parser's own failure on somebody's file is that file's problem, and is named
        return Unprocessable(f"It could not be read ({type(error).__name__}: {str(error)[:200]}).")


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))

"""A server that Hearth runs itself: what both of them (PostgreSQL, Redis) have in common."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from cluster.errors import Unavailable
from cluster.home import REPOSITORY, Home
from cluster.stores.account import Account

POLL_S = 0.05


class Server(ABC):
    """One program with its data below ``home``. ``start`` may be called again after the program has ended."""

    name: ClassVar[str]
    # What asks the program to finish in order, and what the kernel sends it when its owner is gone.
    stop_signal: ClassVar[int]

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Makes what has to be there before the first start; a second call finds it."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes connections."""

    @property
    def account(self) -> Account:
        return Account()

    @property
    def log(self) -> Path:
        return self.home.logs / f"{self.name}.log"

    def start(self) -> None:
        """Starts the program, tied to this process. Returns at once."""
        with self.log.open("ab") as log:
            account = [str(-1 if number is None else number) for number in (self.account.uid, self.account.gid)]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cluster.stores.tied", str(int(self.stop_signal)), *account, *self.command()],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={key: value for key, value in os.environ.items() if not key.startswith(("PG", "HEARTH_DATABASE"))},
            )

    def stop(self, grace_s: float = 10.0) -> None:
        """Asks it to end, and kills it after ``grace_s`` seconds."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def fail(self) -> Unavailable:
        """The error for a program that does not start, with its last words."""
        words = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:] if self.log.exists() else []
        return Unavailable(f"{self.name} does not start (its log: {self.log}): {' | '.join(words)} (retry in 5 s)")

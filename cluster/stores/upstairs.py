"""Runs a program of ``api`` on the stores, in a process of its own: the ground floor may start what it may not import."""

from __future__ import annotations

import subprocess
import sys

from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.settings import Settings

LONGEST_S = 600


def run_module(settings: Settings, module: str, *words: str, otherwise: str) -> str:
    """What ``python -m MODULE WORDS`` printed. Raises EngineError with ``otherwise`` and its last words."""
    told = ["--home", str(settings.home), "--storage", settings.storage.model_dump_json()]
    command = [sys.executable, "-m", module, *words, *told]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"{otherwise}: no answer within {LONGEST_S} s.") from None
    if done.returncode != 0:
        raise EngineError(f"{otherwise}: {done.stderr.strip()[-1000:]}")
    return done.stdout.strip()

"""Brings the database to the shape that the code expects. The migrations stand in ``api/migrations``, beside the tables they make."""

from __future__ import annotations

import subprocess
import sys

from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.settings import Settings

MIGRATE_S = 600


def migrate(settings: Settings, revision: str = "head") -> None:
    """Runs ``python -m api.migrations`` in a process of its own. Raises EngineError with its last words."""
    command = [sys.executable, "-m", "api.migrations", revision]
    told = settings.storage.model_dump_json()
    done = subprocess.run(
        [*command, "--home", str(settings.home), "--storage", told],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=MIGRATE_S,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(f"The database could not be brought up to date: {done.stderr.strip()[-1000:]}")

"""A Hearth of the bench's own: another HEARTH_HOME, another port, a profile written for the occasion, gone afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
import yaml

from cluster.bench.contenders import Streaming, ask_over_http
from cluster.bench.streams import Job, Outcome
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from cluster.hardware import NvmlReader, profile_devices
from cluster.home import CATALOG, REPOSITORY, Home
from cluster.planning import resolve_plan
from cluster.runtime.ports import free_ports
from cluster.runtime.processes import ours
from cluster.settings import load_settings
from cluster.specs.catalog import Catalog
from cluster.specs.profile import ProfileSpec


class Hearth(Streaming):
    """``hearth up --detach`` with ``profile``, ``hearth down`` afterwards. ``port``, ``home`` and ``url`` are valid inside.

    ``catalog``: YAML of models that the catalog lacks, by id.
    """

    name = "Hearth"

    def __init__(self, profile: ProfileSpec, catalog: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._profile = profile
        self._catalog = catalog or {}
        self.home = Home(Path("/nonexistent"))
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """An admin's API key."""
        return self.home.admin_key.read_text(encoding="ascii").strip()

    def start(self) -> None:
        root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hearth-bench-", ignore_cleanup_errors=True)))
        self.home = Home(root / "home")
        (self.port,) = free_ports(1)
        path = root / f"{self._profile.name}.yaml"
        path.write_text(yaml.safe_dump(self._profile.model_dump(mode="json", exclude_defaults=True)), encoding="utf-8")
        for model, entry in self._catalog.items():
            self.home.catalog.mkdir(parents=True, exist_ok=True)
            (self.home.catalog / f"{model}.yaml").write_text(entry, encoding="utf-8")
        self._stack.callback(_hearth, "down", "--home", str(self.home.root))
        try:
            _hearth("up", "--detach", "--json", "--home", str(self.home.root), "--port", str(self.port), "--profile", str(path))
        except EngineError as error:
            raise EngineError(f"{error.message}\nThe end of its log:\n{self._log()}") from None  # the log goes with its folder

    def _log(self) -> str:
        head = self.home.logs / "head.log"
        return head.read_text(encoding="utf-8", errors="replace")[-3000:] if head.exists() else "(none)"

    def drive(self, job: Job) -> Outcome:
        return ask_over_http(job.model_copy(update={"key": self.key}), self.port)

    def processes(self) -> list[psutil.Process]:
        return ours(self.home)

    def replica(self, model: str) -> ReplicaSpec:
        """What the replica of ``model`` was told."""
        return replica_spec(self._profile, model, self.home)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60.0, headers={"Authorization": f"Bearer {self.key}"})


def replica_spec(profile: ProfileSpec, model: str, home: Home | None = None) -> ReplicaSpec:
    """What Hearth would tell the replica of ``model`` on this machine, so that everything compared runs the same engine the same way.

    Raises EngineError when the model's weights are not here.
    """
    settings = load_settings(profile=profile.settings)
    home = home or Home(settings.home)
    resolved = resolve_plan(
        profile, Catalog.load(CATALOG, home.catalog), profile_devices(profile, NvmlReader()), home, only_here=True
    ).check()
    found = {spec.model: spec for spec in resolved.replica_specs(settings, home)}
    if model not in found:
        why = next(status.reason for status in resolved.statuses() if status.id == model)
        raise EngineError(f"The bench needs '{model}', which cannot be served here: {why}")
    return found[model]


def _hearth(*arguments: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HEARTH_", "RAY_"))}
    command = [sys.executable, "-m", "cluster.cli.main", *arguments]
    ran = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise EngineError(f"`hearth {arguments[0]}` failed: {_message(ran)}")


def _message(ran: subprocess.CompletedProcess[str]) -> str:
    for line in ran.stdout.splitlines():
        if line.startswith('{"error"'):
            return str(json.loads(line)["error"]["message"])
    return (ran.stderr or ran.stdout)[-2000:]

"""What all tests share: one running cluster for the whole session, raised as a person raises it, and taken down the same way."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.home import REPOSITORY, Home
from cluster.runtime.ports import free_ports
from cluster.runtime.processes import ours
from cluster.settings import Settings
from cluster.stores.clients import StoreClients, connect
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate
from tests.fine_tuning import herd_file

START_S = 400
DATA = Path(__file__).parent / "data"
# What the shared cluster serves: the laptop's models, and tiny trained ones in place of the CLIP and the Whisper that a person pulls.
PROFILE = {
    "name": "tests",
    "description": "The laptop profile with tiny models of ours.",
    "devices": "cpu",
    "models": [
        {"model": "hearth-nano", "pinned": True, "context_tokens": 512, "parallel": 4},
        {"model": "all-minilm-l6-v2", "pinned": True},
        {"model": "pp-ocrv6", "pinned": True},
        {"model": "tiny-clip"},
        {"model": "tiny-whisper"},
    ],
}
# Turns are taken less often, because this cluster is idle most of the time and shares two cores with the tests.
RESIDENCY = {"tick_s": 1.0}
# So that a test that kills workers of an ingestion needs few documents to have some.
INGEST = {"direct_documents": 40}
RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # Else every application takes 30 s to go.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
}
OWN = {"license": "Apache-2.0", "nano": True}
CATALOG = (
    {
        "id": "tiny-clip",
        "kind": "clip",
        "description": "Coloured shapes.",
        "variants": [{"engine": "open_clip", "source": {"kind": "path", "path": str(DATA / "tiny-clip")}}],
        **OWN,
    },
    {
        "id": "tiny-whisper",
        "kind": "transcription",
        "description": "Two spoken tones.",
        "variants": [{"engine": "faster_whisper", "quantization": "int8", "source": {"kind": "path", "path": str(DATA / "tiny-whisper")}}],
        **OWN,
    },
)


@dataclass(frozen=True)
class RunningHearth:
    """A cluster on a port and a home of its own."""

    base_url: str
    home: Home
    # Where an OpenID Connect issuer and a provider of models are expected; a test that wants one runs it there.
    issuer_port: int
    provider_port: int

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])

    @property
    def key(self) -> str:
        """The first admin's API key."""
        return self.home.admin_key.read_text().strip()

    @property
    def shown(self) -> dict[str, str]:
        """The header with that key."""
        return {"Authorization": f"Bearer {self.key}"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``hearth WORDS`` against this cluster."""
        return hearth_command(*words, home=self.home)


def hearth_command(*words: str, home: Home, timeout_s: float = START_S) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own, with nothing of Hearth or Ray in its environment but the home."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("HEARTH_", "RAY_"))} | {"HEARTH_HOME": str(home.root)}
    command = [sys.executable, "-m", "cluster.cli.main", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="session")
def store_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A PostgreSQL, migrated, and a Redis for all tests; settings that lead to them. Each test makes an organisation of its own."""
    home = Home(tmp_path_factory.mktemp("stores"))
    home.create()
    # What no test names in outgoing.allowed is not reached for.
    settings = Settings(home=home.root, offline=True)
    servers = Stores(home, settings)
    servers.start()
    migrate(settings)
    yield settings
    servers.stop()
    shutil.rmtree(home.scratch, ignore_errors=True)


@pytest.fixture
async def stores(store_settings: Settings) -> AsyncIterator[StoreClients]:
    """Clients of both, connected on first use."""
    clients = connect(store_settings)
    yield clients
    await clients.close()


@pytest.fixture(scope="session")
def ray_runtime() -> Iterator[None]:
    """Ray in this process, with two logical GPUs; one for all tests of actors and deployments, since a process holds only one."""
    folder = tempfile.mkdtemp(prefix="hearth-test-")
    before = dict(os.environ)
    os.environ.update(RAY_ENVIRONMENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray import serve
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=2,
        include_dashboard=False,
        _temp_dir=folder,
        _node_ip_address="127.0.0.1",
        object_store_memory=128 * 2**20,
        log_to_driver=False,
        configure_logging=False,
    )
    yield
    serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()
    os.environ.clear()
    os.environ.update(before)
    shutil.rmtree(folder, ignore_errors=True)


def _issuer(port: int, secret: Path) -> dict[str, object]:
    return {
        "name": "mock",
        "issuer": f"http://localhost:{port}",
        "client_id": "hearth",
        "client_secret_file": str(secret),
        "redirect_uris": ["http://localhost:3000/back"],
        "default_role": "editor",
    }


def _providers(port: int) -> dict[str, object]:
    far = {"kind": "openai_compatible", "base_url": f"http://127.0.0.1:{port}/v1", "models": [{"name": "echo"}], "retries": {"attempts": 1}}
    return {"providers": {"far": far}, "aliases": {"clever": {"models": ["far/echo", "hearth-nano"]}}}


@pytest.fixture(scope="session")
def hearth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHearth]:
    """A cluster with one model of every kind, up and ready. Shared by the whole session: leave it as you found it."""
    home = Home(tmp_path_factory.mktemp("hearth"))
    port, issuer_port, provider_port = free_ports(3)
    profile, secret = home.root / "tests.yaml", home.root / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text("of the client")
    settings = {"residency": RESIDENCY, "ingest": INGEST, "auth": {"oidc": [_issuer(issuer_port, secret)]}}
    profile.write_text(json.dumps(PROFILE | {"settings": settings}))  # JSON is YAML
    home.providers.write_text(json.dumps(_providers(provider_port)))
    home.catalog.mkdir()
    for entry in CATALOG:
        (home.catalog / f"{entry['id']}.yaml").write_text(json.dumps(entry))
    taken = contextlib.ExitStack()
    with contextlib.suppress(OSError):  # somebody has it already, which is as good
        # Where the agent of another cluster on this machine would be.
        taken.enter_context(socket.create_server(("127.0.0.1", 52365)))
    started = hearth_command("up", "--detach", "--profile", str(profile), "--port", str(port), home=home)
    log = home.logs / "head.log"
    try:
        assert started.returncode == 0, started.stderr[-4000:] + (log.read_text()[-4000:] if log.exists() else "")
        yield RunningHearth(f"http://127.0.0.1:{port}", home, issuer_port, provider_port)
    finally:
        stopped = hearth_command("down", home=home)
        taken.close()
    assert stopped.returncode == 0, stopped.stderr
    assert ours(home) == []


@pytest.fixture(scope="session")
def herd() -> Callable[[int], bytes]:
    """``herd(12)``: a file of so many examples to learn from."""
    return herd_file

"""A cluster's life from the outside: up, killed, up again, interrupted, down; and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.home import REPOSITORY, Home
from cluster.runtime.ports import free_ports
from cluster.runtime.processes import SHARED_MEMORY, ours, shared_memory, sweep
from cluster.runtime.state import read_state
from tests.conftest import RunningHearth, hearth_command
from tests.patience import PATIENCE_S


@pytest.fixture
def home(tmp_path: Path):
    home = Home(tmp_path / "home")
    yield home
    sweep(home)


def one_model(folder: Path) -> Path:
    """A profile that is quick to start, behind a proxy that looks for it in the folder ``proxy``."""
    path = folder / "small.yaml"
    settings = {"http": {"behind_proxy": True, "traefik_dir": str(folder / "proxy")}}
    small = {"name": "small", "description": "One model.", "devices": "cpu", "models": [{"model": "hearth-nano", "pinned": True}]}
    path.write_text(json.dumps(small | {"settings": settings}))  # JSON is YAML
    return path


def left_over() -> set[Path]:
    """Shared memory that no living process has mapped."""
    return set(SHARED_MEMORY.iterdir()) - shared_memory(psutil.process_iter())


def wait_for(condition, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_cluster_whose_head_was_killed_comes_up_again_and_goes_down_without_a_trace(home: Home, tmp_path: Path):
    port = free_ports(1)[0]
    profile = str(one_model(tmp_path))
    before = left_over()
    up = ("up", "--detach", "--profile", profile, "--port", str(port))
    launcher = [str(REPOSITORY / "hearth"), *up]
    env = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {"HEARTH_HOME": str(home.root)}
    first = subprocess.run(launcher, env=env, capture_output=True, text=True, timeout=400, check=False)
    assert first.returncode == 0, first.stderr
    assert "hearth-nano" in first.stdout
    key = home.admin_key.read_text().strip()
    assert f"http://127.0.0.1:{port}" in (tmp_path / "proxy" / f"hearth-{port}.yaml").read_text()
    assert key in first.stderr  # the first admin's, shown once
    assert home.admin_key.stat().st_mode & 0o777 == 0o600
    state = read_state(home)
    assert state is not None
    psutil.Process(state.pid).kill()
    wait_for(lambda: not psutil.pid_exists(state.pid) or psutil.Process(state.pid).status() == psutil.STATUS_ZOMBIE)
    again = hearth_command(*up, home=home)
    assert again.returncode == 0, again.stderr
    assert key not in again.stderr + again.stdout
    assert httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30).json()["status"] == "ready"
    assert httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=30).status_code == 401
    shown = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"http://127.0.0.1:{port}/v1/models", headers=shown, timeout=30).json()["data"][0]["id"] == "hearth-nano"
    assert hearth_command("down", home=home).returncode == 0
    assert ours(home) == []
    assert not home.scratch.exists()
    assert list((tmp_path / "proxy").iterdir()) == []
    assert left_over() <= before
    assert hearth_command("status", home=home).returncode == 3


def test_a_start_that_is_interrupted_leaves_nothing_running(home: Home, tmp_path: Path):
    command = [sys.executable, "-m", "cluster.cli.main", "up", "--profile", str(one_model(tmp_path)), "--port", str(free_ports(1)[0])]
    starting = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | {"HEARTH_HOME": str(home.root)}, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: (state := read_state(home)) is not None and state.dashboard_url is not None, seconds=300)
        starting.terminate()  # answered as Ctrl-C is; SIGINT itself may be ignored where tests run in the background
        assert starting.wait(timeout=180) != 0
    finally:
        starting.kill()
        starting.wait()
    assert ours(home) == []
    assert not home.scratch.exists()


def test_a_taken_port_is_refused_and_its_holder_named(hearth: RunningHearth, home: Home):
    refused = hearth_command("up", "--detach", "--port", str(hearth.port), home=home)
    assert refused.returncode == 1
    assert f"Port {hearth.port} is taken by haproxy (pid" in refused.stderr
    assert ours(home) == []


def test_a_profile_for_cards_that_are_not_here_is_refused_with_what_to_do(home: Home):
    refused = hearth_command("up", "--detach", "--profile", "p40-pair", "--port", str(free_ports(1)[0]), home=home)
    assert refused.returncode == 1
    assert "hearth plan --profile p40-pair" in refused.stderr


def test_down_is_content_when_nothing_runs(home: Home):
    assert hearth_command("down", home=home).returncode == 0


def test_a_misspelt_setting_is_refused_and_the_nearest_named(home: Home):
    env = os.environ | {"HEARTH_HOME": str(home.root), "HEARTH_PROFIL": "laptop"}
    command = [sys.executable, "-m", "cluster.cli.main", "status"]
    refused = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "HEARTH_PROFILE" in refused.stderr

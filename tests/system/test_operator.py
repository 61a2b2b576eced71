"""What an operator does to a running cluster from the command line: people, keys, rotation, backup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from cluster.home import REPOSITORY, Home
from tests.conftest import RunningHearth, hearth_command


def told(hearth: RunningHearth, *words: str) -> str:
    done = hearth.run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def status_with(hearth: RunningHearth, key: str, path: str = "/v1/models") -> int:
    return httpx.get(hearth.base_url + path, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code


def test_somebody_is_added_signs_in_gets_another_role_and_is_removed(hearth: RunningHearth):
    made = json.loads(told(hearth, "user", "add", "ada@example.org", "--role", "viewer", "--json"))
    accepted = {"invitation": made["invitation"], "password": "correct horse battery"}
    assert httpx.post(f"{hearth.base_url}/api/v1/auth/invitation", json=accepted, timeout=30).status_code == 200
    command = [sys.executable, "-W", "ignore", "-m", "cluster.cli.main", "token", "get", "ada@example.org"]
    env = os.environ | {"HEARTH_HOME": str(hearth.home.root)}
    got = subprocess.run(
        command, cwd=REPOSITORY, env=env, input="correct horse battery\n", capture_output=True, text=True, timeout=60, check=False
    )
    token = got.stdout.strip().splitlines()[-1]
    assert status_with(hearth, token) == 200
    assert status_with(hearth, token, "/api/v1/audit") == 403
    told(hearth, "user", "role", "ada@example.org", "editor")
    assert "editor" in told(hearth, "user", "list")
    told(hearth, "user", "remove", "ada@example.org", "--erase")
    assert "ada@example.org" not in told(hearth, "user", "list")


def test_a_key_is_made_limited_rotated_and_revoked(hearth: RunningHearth):
    key = told(hearth, "key", "create", "notebook", "--scope", "models")
    assert (status_with(hearth, key), status_with(hearth, key, "/api/v1/keys")) == (200, 403)
    entry = next(entry for entry in json.loads(told(hearth, "key", "list", "--json")) if entry["name"] == "notebook")
    successor = told(hearth, "key", "rotate", entry["id"], "--overlap", "60")
    assert (status_with(hearth, key), status_with(hearth, successor)) == (200, 200)
    told(hearth, "key", "revoke", entry["id"])
    assert "notebook" in told(hearth, "key", "list")


def test_secrets_survive_the_rotation_of_their_key_and_tokens_that_of_theirs(hearth: RunningHearth):
    path = f"{hearth.base_url}/api/v1/secrets"
    body = {"name": "far", "value": "sk-very-secret"}
    assert httpx.post(path, json=body, headers=hearth.shown, timeout=30).status_code == 200
    told(hearth, "secrets", "rotate")
    told(hearth, "token", "rotate-keys")
    assert httpx.get(f"{path}/far/value", headers=hearth.shown, timeout=30).json()["data"]["value"] == "sk-very-secret"
    assert httpx.delete(f"{path}/far", headers=hearth.shown, timeout=30).status_code == 200


def test_a_backup_of_the_running_cluster_fills_an_empty_home(hearth: RunningHearth, tmp_path: Path):
    file, home = tmp_path / "hearth.backup", Home(tmp_path / "restored")
    told(hearth, "backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    restored = hearth_command("restore", str(file), home=home)
    assert restored.returncode == 0, restored.stderr
    assert home.admin_key.read_text() == hearth.home.admin_key.read_text()
    assert (home.catalog / "tiny-clip.yaml").exists()


def test_an_unknown_person_and_a_cluster_that_does_not_run_are_told_in_a_line(hearth: RunningHearth, tmp_path: Path):
    unknown = hearth.run("user", "role", "nobody@example.org", "admin")
    assert (unknown.returncode, "hearth user list" in unknown.stderr) == (1, True)
    away = hearth_command("user", "list", home=Home(tmp_path / "nowhere"))
    assert (away.returncode, "hearth up" in away.stderr) == (1, True)

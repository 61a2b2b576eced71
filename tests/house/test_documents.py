"""Docs describe today: generated pages are fresh, links lead somewhere, and every command of the README does what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.documents import pages
from cluster.home import REPOSITORY
from tests.conftest import RunningHearth

README = (REPOSITORY / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
# Starting, stopping and testing are what tests/system/test_lifecycle.py and the suite itself do, and tests/system/test_learning.py shows
# the loop in a form that takes seconds; the others run below.
ELSEWHERE = {"./hearth up --detach", "./hearth down", "./hearth test", "./hearth lint", "./hearth learn demo"}
MARKDOWN = [path for path in REPOSITORY.rglob("*.md") if ".venv" not in path.parts]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_generated_page_is_fresh(page: Path):
    assert page.read_text() == pages()[page], "run: python -m cluster.documents"


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in ELSEWHERE])
def test_a_command_of_the_readme_works(hearth: RunningHearth, command: str):
    command = command.replace("localhost:8003", hearth.base_url)
    if command.startswith("./hearth "):
        done = hearth.run(*shlex.split(command)[1:])
    else:
        done = subprocess.run(command.split(), capture_output=True, text=True, timeout=60, check=False)
    # The doctor's code says what it found on this machine; a command that breaks says so on standard error.
    assert done.returncode == 0 or (command == "./hearth doctor" and "Traceback" not in done.stderr), done.stderr
    assert done.stdout


def test_the_python_of_the_readme_runs(hearth: RunningHearth):
    (code,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    code = code.replace("http://localhost:8003", hearth.base_url).replace("~/.hearth", str(hearth.home.root))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Velmhaven" in done.stdout


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_plan_as_json_has_the_documented_keys(hearth: RunningHearth):
    plan = json.loads(hearth.run("plan", "--profile", "p40-pair", "--json").stdout)
    assert set(plan) == {"devices", "placements", "rejected"}
    assert set(plan["devices"][0]) == {"id", "name", "memory_bytes", "compute_capability"}
    keys = {"model", "replica", "device", "num_gpus", "budget_bytes", "engine", "dtype", "resident", "reason"}
    assert all(set(placement) == keys and placement["reason"] for placement in plan["placements"])

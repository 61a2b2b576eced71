"""The notebooks run from top to bottom on a running cluster, and show what they promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.home import REPOSITORY
from tests.conftest import RunningHearth

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
# What the outputs of each must have in them.
SHOWN = {
    "batch_inference": ("(320, 384)", "image/png"),
    "evaluate_retrieval": ("nDCG@10", "image/png", "default - semantic"),
    "learning_loop": ("answers were right", "task: ", "labels", "image/png", "gate_tokens", "steady"),
    "ingest_and_search": ("succeeded", "keys.md", "ferry.html", "stock.csv"),
}
CELL_S = 240


def read(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def test_there_is_a_promise_for_each_notebook():
    assert [path.stem for path in NOTEBOOKS] == sorted(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path):
    code = [cell for cell in read(path) if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_executes(hearth: RunningHearth, path: Path, tmp_path: Path):
    executed = tmp_path / path.name
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "RAY_"))}
    env |= {"HEARTH_HOME": str(hearth.home.root), "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter"), "IPYTHONDIR": str(tmp_path / "ipython")}
    # What the script `jupyter execute` does, wherever it was installed.
    execute = "from nbclient.cli import main; main()"
    command = [sys.executable, "-c", execute, str(path), f"--output={executed}", f"--timeout={CELL_S}"]
    done = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    outputs = json.dumps([cell.get("outputs") for cell in read(executed)])
    assert all(text in outputs for text in SHOWN[path.stem])

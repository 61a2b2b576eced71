"""The floor plan: rooms have their signs, and importing a module does nothing but define."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cluster.home import REPOSITORY

ROOMS = ("api", "cluster", "deployments", "pipelines", "training", "configs", "notebooks")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is(room: str):
    assert (REPOSITORY / room / "README.md").read_text().startswith(f"# {room}")


def test_importing_the_api_and_the_ground_floor_loads_no_engine():
    code = (
        "import sys, api.app, cluster.planning, cluster.runtime.start, cluster.serving.gateway\n"
        "heavy = {'torch', 'vllm', 'transformers', 'xllamacpp', 'open_clip', 'faster_whisper', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

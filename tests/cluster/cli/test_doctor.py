from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cluster.cli.doctor import doctor
from cluster.errors import ConfigError
from cluster.fakes.hub import LocalHub


@pytest.fixture
def app(tmp_path, monkeypatch) -> Iterator[typer.Typer]:
    """The command alone, on a home and ports of its own, with a hub that answers."""
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HEARTH_HTTP__PORT", str(one.getsockname()[1]))
        monkeypatch.setenv("HEARTH_RAY__DASHBOARD_PORT", str(other.getsockname()[1]))
    app = typer.Typer()
    app.command()(doctor)
    with LocalHub({}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield app


def run(app: typer.Typer, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_every_line_says_how_things_stand(app):
    result = run(app)
    lines = result.output.splitlines()
    assert any("python: 3." in line for line in lines)
    assert any("model all-minilm-l6-v2: weights in package" in line for line in lines)
    assert any("engine onnx_embedding: onnxruntime imports" in line for line in lines)
    assert "problems" in lines[-1]


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A profile whose engine is imported in a second."""
    path = tmp_path / "small.yaml"
    path.write_text("{name: small, description: d, devices: cpu, models: [{model: all-minilm-l6-v2, engine: onnx_embedding}]}")
    return str(path)


def test_json_carries_the_findings_and_the_exit_code_counts_problems(app, small):
    result = run(app, "--json", "--profile", small)
    found = json.loads(result.output)
    assert found["profile"] == "small"
    assert {finding["level"] for finding in found["findings"]} <= {"ok", "warning", "problem"}
    assert all(finding["advice"] for finding in found["findings"] if finding["level"] != "ok")
    assert result.exit_code == (1 if found["problems"] else 0)


def test_a_taken_port_is_a_problem_and_the_exit_code_says_so(app, small, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("HEARTH_HTTP__PORT", str(taken.getsockname()[1]))
        result = run(app, "--json", "--profile", small)
    assert result.exit_code == 1
    assert any(finding["level"] == "problem" and "--port" in finding["advice"] for finding in json.loads(result.output)["findings"])


def test_a_profile_that_does_not_exist_names_those_that_do(app):
    result = run(app, "--profile", "laptob")
    assert isinstance(result.exception, ConfigError)
    assert "did you mean 'laptop'" in str(result.exception)

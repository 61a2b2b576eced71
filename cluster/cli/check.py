"""`hearth test` and `hearth lint`: what a change must pass."""

from __future__ import annotations

import subprocess
import sys

import typer

from cluster.home import REPOSITORY

PYTHON = [sys.executable, "-m"]
LINTERS = (
    ("ruff", [*PYTHON, "ruff", "check", "."]),
    ("format", [*PYTHON, "ruff", "format", "--check", "."]),
    ("types", [*PYTHON, "mypy", "--num-workers=auto"]),
    ("import rules", [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
)


def lint() -> None:
    """Check style, types and import rules."""
    failed = [name for name, command in LINTERS if not _passes(name, command)]
    if failed:
        typer.echo(f"lint: failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def test(context: typer.Context) -> None:
    """Lint, then the whole test suite (a real cluster included). Arguments go to pytest: `hearth test -k plan`."""
    if not context.args:
        lint()
    raise typer.Exit(subprocess.run([*PYTHON, "pytest", *context.args], cwd=REPOSITORY, check=False).returncode)


def _passes(name: str, command: list[str]) -> bool:
    typer.echo(f"lint: {name}")
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0

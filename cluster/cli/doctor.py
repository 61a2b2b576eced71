"""`hearth doctor`: what this machine can run, and why not."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console

from cluster.cli.options import HomeOption, ProfileOption, profile_and_settings
from cluster.doctor.examine import examine
from cluster.doctor.finding import Finding, Level
from cluster.hardware import NvmlReader
from cluster.home import CATALOG, Home
from cluster.hub import Hub
from cluster.specs.catalog import Catalog

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_MARKS = {Level.OK: "[green]ok     [/]", Level.WARNING: "[yellow]warning[/]", Level.PROBLEM: "[bold red]problem[/]"}


def doctor(profile: ProfileOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check what this machine can run, and say what to do about what it cannot. Exit code 1 when there is a problem."""
    spec, settings = profile_and_settings(profile, {"home": home})
    findings = examine(
        spec, settings, Catalog.load(CATALOG, Home(settings.home).catalog), NvmlReader(), Hub(endpoint=os.environ.get("HF_ENDPOINT"))
    )
    shown = list(findings) if as_json else _show(findings, spec.name)
    problems = sum(finding.level is Level.PROBLEM for finding in shown)
    if as_json:
        typer.echo(json.dumps({"profile": spec.name, "problems": problems, "findings": [dataclasses.asdict(finding) for finding in shown]}))
    raise typer.Exit(1 if problems else 0)


def _show(findings: Iterable[Finding], profile: str) -> list[Finding]:
    """Prints each finding as it is made, then the count."""
    console = Console(highlight=False, soft_wrap=True)
    shown = []
    for finding in findings:
        console.print(f"{_MARKS[finding.level]}  {finding.check}: ", end="")
        console.print(finding.says, markup=False)
        if finding.advice:
            console.print(f"         -> {finding.advice}", markup=False)
        shown.append(finding)
    counts = {level: sum(finding.level is level for finding in shown) for level in Level}
    console.print(f"{counts[Level.PROBLEM]} problems, {counts[Level.WARNING]} warnings, {counts[Level.OK]} ok (profile {profile})")
    return shown

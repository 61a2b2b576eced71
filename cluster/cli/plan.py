"""`hearth plan`: which models go where on which engine, and why; for a profile, or for any devices and models in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cluster.cli.options import HomeOption, ProfileOption, profile_and_settings
from cluster.errors import ConfigError
from cluster.hardware import Device, NvmlReader, profile_devices, readable
from cluster.home import CATALOG, Home
from cluster.optimising.overrides import Override, Overrides
from cluster.placement import plan as plan_demands
from cluster.plan_file import load_instance
from cluster.plan_report import PlacementRow, PlanReport, report_instance, report_profile
from cluster.planning import resolve_plan
from cluster.specs.catalog import Catalog

FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Plan the devices and models of this JSON file instead of a profile.", show_default=False),
]
NUMBERS = frozenset({"memory", "for models", "resident", "free", "budget", "share"})
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan(profile: ProfileOption = None, file: FileOption = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show where each model of a profile goes: engine, dtype, device, budget, share, and why. Nothing is started or downloaded."""
    if file is not None and profile is not None:
        raise ConfigError("Give --profile or --file, not both.")
    report, optimised = (_of_file(file), ()) if file is not None else _of_profile(profile, home)
    if as_json:
        typer.echo(json.dumps(report.as_json() | _told(optimised), indent=2))
    else:
        _show(report)
        show_optimised(optimised)
    if report.shortfalls:
        raise typer.Exit(1)


def _of_file(path: Path) -> PlanReport:
    devices, demands = load_instance(path)
    return report_instance(devices, plan_demands(devices, demands))


def _told(optimised: Sequence[Override]) -> dict[str, object]:
    """What of the JSON is there only where something was optimised."""
    return {"optimised": [one.model_dump(mode="json") for one in optimised]} if optimised else {}


def show_optimised(optimised: Sequence[Override]) -> None:
    """What is not as the profile says, because it was measured to be better."""
    for one in optimised:
        Console().print(f"[bold]optimised[/] {one}.", highlight=False, soft_wrap=True)


def _of_profile(name: str | None, home: Path | None) -> tuple[PlanReport, Sequence[Override]]:
    spec, settings = profile_and_settings(name, {"home": home})
    devices = profile_devices(spec, NvmlReader())
    where = Home(settings.home)
    report = report_profile(resolve_plan(spec, Catalog.load(CATALOG, where.catalog), devices, where))
    return report, Overrides(where, spec.name).all()


def _show(report: PlanReport) -> None:
    out = Console(stderr=bool(report.shortfalls))
    out.print(_devices(report.devices, report.placements))
    if report.placements:
        out.print()
        out.print(_placements(report.placements))
        out.print()
    for row in report.placements:
        if row.replica == 0:
            out.print(f"[bold]{row.model}[/] {row.reason}.", highlight=False, soft_wrap=True)
    for rejected in report.rejected:
        out.print(f"[bold yellow]rejected[/] {rejected.reason}", highlight=False, soft_wrap=True)
    if not report.optimal:
        out.print("Too many replicas to search them all: this is a good plan, not proven to be the best.", highlight=False)
    if report.shortfalls:
        out.print(f"[bold red]hearth:[/] {report.error}", highlight=False, soft_wrap=True)


def _devices(devices: Sequence[Device], placements: Sequence[PlacementRow]) -> Table:
    table = _table("device", "name", "compute", "memory", "for models", "resident", "free")
    for device in devices:
        used = sum(row.budget_bytes for row in placements if row.device == device.id and row.resident)
        sizes = (device.memory_bytes, device.usable_bytes, used, device.usable_bytes - used)
        table.add_row(device.id, device.name, device.compute_capability or "-", *(readable(size) for size in sizes))
    return table


def _placements(rows: Sequence[PlacementRow]) -> Table:
    table = _table("model", "device", "budget", "share", "engine", "dtype", "loaded")
    for row in rows:
        name = f"{row.model} #{row.replica}" if row.replica else row.model
        loaded = "at start" if row.resident else "on demand"
        share = f"{row.num_gpus:.4f}" if row.num_gpus else "-"
        table.add_row(name, row.device, readable(row.budget_bytes), share, row.engine or "-", row.dtype or "-", loaded)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left", no_wrap=column in NUMBERS, overflow="fold")
    return table

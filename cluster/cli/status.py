"""`hearth status`: what runs, where, and how each model stands."""

from __future__ import annotations

import json
from typing import Annotated

import httpx
import typer
from rich.table import Table

from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.home import Home
from cluster.optimising.overrides import Overrides
from cluster.runtime.state import RunState, running

OUT_OF_SERVICE = frozenset({"not_pulled", "rejected", "failed"})

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show whether the cluster runs, its addresses, and the state of every model. Exit code 3 when it does not run."""
    state = running(home_of(home))
    if state is None:
        typer.echo(json.dumps({"running": False}) if as_json else "Hearth is not running; start it with `hearth up`.")
        raise typer.Exit(3)
    models = fetch_models(state, home_of(home))
    if as_json:
        typer.echo(json.dumps({"running": True, **state.model_dump(), "models": models}))
        return
    render(state, home_of(home), models)


def fetch_models(state: RunState, home: Home) -> list[dict[str, object]]:
    """Every model's status over HTTP; empty while the API does not answer, or the admin's key is not here."""
    if not home.admin_key.is_file():
        return []
    shown = {"Authorization": f"Bearer {home.admin_key.read_text(encoding='ascii').strip()}"}
    try:
        response = httpx.get(f"{state.base_url}/api/v1/models", headers=shown, timeout=10.0)
        return list(response.raise_for_status().json()["data"])
    except httpx.HTTPError:
        return []


def render(state: RunState, home: Home, models: list[dict[str, object]]) -> None:
    """The ready panel."""
    console = result_console()
    console.print(f"[bold]Hearth[/] is {state.phase} (profile {state.profile})" + (f": {state.step}" if state.step else ""))
    console.print(f"  API        {state.base_url}/v1     docs {state.base_url}/docs")
    console.print(f"  Dashboard  {state.dashboard_url}")
    console.print(f"  API key    in {home.admin_key} (the first admin's)", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("model", "kind", "state", "engine", "device", "budget"):
        table.add_column(column, no_wrap=True)
    for model in models:
        budget = f"{int(str(model['budget_bytes'])) / 2**20:.0f} MiB"
        table.add_row(*(str(model[key]) for key in ("id", "kind", "state", "engine", "device")), budget)
    console.print(table)
    for one in Overrides(home, state.profile).all():
        console.print(f"  optimised  {one}", soft_wrap=True, highlight=False)
    for note in filter(None, map(_note, models)):
        console.print(note, highlight=False, soft_wrap=True)


def _note(model: dict[str, object]) -> str:
    """What a person should know of a model beside its row."""
    if model["state"] in OUT_OF_SERVICE:
        return f"{model['id']}: {model['reason']}"
    return f"{model['id']} is a small demonstration model; configure a larger one for real work." if model.get("nano") else ""

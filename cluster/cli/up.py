"""`hearth up`."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.console import Console

from cluster.cli.options import HomeOption, ProfileOption, profile_and_settings
from cluster.cli.status import fetch_models, render
from cluster.errors import Unavailable
from cluster.home import Home
from cluster.runtime.compose import make_launch
from cluster.runtime.start import start, stop
from cluster.runtime.state import RunState, running

PortOption = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="Port of the HTTP API (default 8003).", show_default=False)
]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready; the cluster goes on running.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the running cluster as JSON.")]

WATCH_S = 1.0


def up(
    profile: ProfileOption = None,
    port: PortOption = None,
    home: HomeOption = None,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the cluster and show where everything is. Without --detach it runs until Ctrl-C."""
    spec, settings = profile_and_settings(profile, {"http.port": port, "home": home})
    where = Home(settings.home)
    console = Console(stderr=True)
    before, is_first = running(where), not where.admin_key.exists()
    with console.status("planning") as spinner:

        def report(step: str) -> None:
            spinner.update(step)
            if not console.is_terminal:
                console.print(f"hearth: {step}", highlight=False)

        state = start(where, settings, lambda: make_launch(spec, settings, where, report), report)
    _show(state, where, as_json)
    if is_first and where.admin_key.exists():
        key = where.admin_key.read_text(encoding="ascii").strip()
        console.print(
            f"hearth: your API key (an admin's) is {key}\nhearth: it is shown only now, and kept in {where.admin_key}", soft_wrap=True
        )
    if before is not None and (before.profile, before.base_url) != (spec.name, _url(settings.http.host, settings.http.port)):
        console.print(f"hearth: it was already running with profile {before.profile}; `hearth down` first to change that.", highlight=False)
    if not detach:
        _attend(where, console)


def _url(host: str, port: int) -> str:
    return f"http://{host}:{port}"


def _show(state: RunState, home: Home, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(state.model_dump() | {"models": fetch_models(state, home)}))
    else:
        render(state, home, fetch_models(state, home))


def _attend(home: Home, console: Console) -> None:
    """Stays until Ctrl-C (then stops the cluster) or until the cluster ends by itself (then says so)."""
    console.print("hearth: Ctrl-C stops it.", highlight=False)
    try:
        while running(home) is not None:
            time.sleep(WATCH_S)
    except KeyboardInterrupt:
        with console.status("stopping"):
            stop(home, lambda _step: None)
        return
    raise Unavailable(f"The cluster ended by itself; see {home.logs / 'head.log'} (retry in 1 s).")

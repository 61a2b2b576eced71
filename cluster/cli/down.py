"""`hearth down`."""

from __future__ import annotations

from rich.console import Console

from cluster.cli.options import HomeOption, home_of
from cluster.runtime.start import stop


def down(home: HomeOption = None) -> None:
    """Stop the cluster and remove every process, socket and shared-memory segment it had."""
    where = home_of(home)
    console = Console(stderr=True)
    with console.status("stopping"):
        ended = stop(where, lambda _step: None)
    console.print(f"hearth: stopped ({ended} processes)." if ended else "hearth: nothing was running.", highlight=False)

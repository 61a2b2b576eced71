"""Where results are printed."""

from __future__ import annotations

from rich.console import Console

# Columns of a pipe or a file, which have no width of their own: what reads them wants whole words.
WIDE = 200


def result_console() -> Console:
    """Standard output: as wide as the terminal, or wide."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)

"""Draws one chart: ``python -m cluster.learning.analytics.drawing`` reads it (see charts.py) as JSON from standard input, and writes a PNG
to standard output.

A process of its own: matplotlib is not made for threads, and a drawing that takes too long can only be ended with its process.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 6.4, 4.2, 110


def main() -> None:
    chart = json.load(sys.stdin)
    panels: list[dict[str, Any]] = chart["panels"]
    figure = Figure(figsize=(WIDTH * len(panels), HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, panel)
    if chart["notes"]:
        figure.supxlabel("\n".join(chart["notes"]), fontsize=7)
    figure.savefig(sys.stdout.buffer, format="png")


def _draw(axes: Axes, panel: dict[str, Any]) -> None:
    axes.set(title=panel["title"], xlabel=panel["x"], ylabel=panel["y"])
    if not panel["lines"]:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, panel["empty"], ha="center", va="center", transform=axes.transAxes, color="0.4")
        return
    for number, line in enumerate(panel["lines"]):
        if panel["names"]:
            _bars(axes, line, number, len(panel["lines"]))
        else:
            _line(axes, line, dates=panel["dates"])
    if panel["names"]:
        axes.set_xticks(range(len(panel["names"])), panel["names"], rotation=20, ha="right", fontsize=7)
    if panel["border"] is not None:
        axes.axvline(panel["border"], linestyle=":", color="0.4")
    if panel["dates"]:
        axes.tick_params(axis="x", rotation=30, labelsize=7)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, fontsize=8)


def _bars(axes: Axes, line: dict[str, Any], number: int, count: int) -> None:
    width = 0.8 / count
    axes.bar([x + (number + 0.5) * width - 0.4 for x, _ in line["points"]], [y for _, y in line["points"]], width, label=line["label"])


def _line(axes: Axes, line: dict[str, Any], *, dates: bool) -> None:
    x: list[Any] = [datetime.fromisoformat(one) if dates else one for one, _ in line["points"]]
    drawn = axes.plot(x, [y for _, y in line["points"]], "o-" if line["joined"] else "o", markersize=4, label=line["label"])
    if line["band"]:
        low, high = zip(*line["band"], strict=True)
        axes.fill_between(x, low, high, color=drawn[0].get_color(), alpha=0.15)


if __name__ == "__main__":
    main()

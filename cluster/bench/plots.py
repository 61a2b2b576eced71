"""Plots of a bench as PNG, with matplotlib. No window is opened."""

from __future__ import annotations

import re
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cluster.bench.report import Plot


def draw(plot: Plot, folder: Path) -> str:
    """Writes the plot into ``folder`` and returns the file's name."""
    figure = Figure(figsize=(7.0, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (label, points) in enumerate(plot.series.items()):
        if plot.names:
            width = 0.8 / len(plot.series)
            axes.bar([x + (number + 0.5) * width - 0.4 for x, _ in points], [y for _, y in points], width, label=label)
        else:
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=4, label=label)
            edges = plot.bands.get(label, ())
            axes.fill_between([x for x, _, _ in edges], [low for _, low, _ in edges], [high for _, _, high in edges], alpha=0.2)
    if plot.names:
        axes.set_xticks(range(len(plot.names)), plot.names)
    if plot.log_x:
        ticks = sorted({x for points in plot.series.values() for x, _ in points})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(bottom=0)
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    name = re.sub(r"[^a-z0-9]+", "-", plot.title.lower()).strip("-") + ".png"
    figure.savefig(folder / name)
    return name

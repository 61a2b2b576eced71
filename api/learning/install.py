"""Puts what draws plots into an application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.learning.drawing import Plotter
from api.learning.service import LearningAnalytics
from api.semantic.deps import WithAsking
from api.usage.install import WithLedger
from api.web.deps import Parts
from api.web.principal import AsEditor
from cluster.home import Home


def install_learning(app: FastAPI) -> Plotter:
    """Also on ``app.state.plotter``; needs ``app.state.parts``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    plotter = Plotter(parts.settings.analytics, Home(parts.settings.home))
    app.state.plotter = plotter
    return plotter


async def plotter_of(request: Request) -> Plotter:
    plotter = request.app.state.plotter
    assert isinstance(plotter, Plotter)
    return plotter


async def analytics(asks: WithAsking, who: AsEditor, ledger: WithLedger) -> LearningAnalytics:
    return LearningAnalytics(asks, who, ledger.prices)


WithPlotter = Annotated[Plotter, Depends(plotter_of)]
WithAnalytics = Annotated[LearningAnalytics, Depends(analytics)]

"""What one process does for releases beside requests."""

from __future__ import annotations

from fastapi import FastAPI, Request

from api.releases.shadowing import Shadows
from api.web.deps import Parts


def install_releases(app: FastAPI) -> Shadows:
    """Also on ``app.state.shadows``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    shadows = Shadows(parts)
    app.state.shadows = shadows
    return shadows


async def shadows_of(request: Request) -> Shadows:
    shadows = request.app.state.shadows
    assert isinstance(shadows, Shadows)
    return shadows

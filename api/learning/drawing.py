"""Charts as pictures, each drawn by a process that is ended when it takes too long, or when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress

import structlog

from cluster.errors import DeadlineExceeded, EngineError
from cluster.home import REPOSITORY, Home
from cluster.learning.analytics.charts import Chart
from cluster.settings import AnalyticsSettings

log = structlog.get_logger(__name__)

DRAWING = ("-m", "cluster.learning.analytics.drawing")


class Plotter:
    """Belongs to one event loop. ``program``: what Python is called with to draw."""

    def __init__(self, settings: AnalyticsSettings, home: Home, program: tuple[str, ...] = DRAWING) -> None:
        self._settings = settings
        self._program = program
        self._turn = asyncio.Semaphore(settings.plots)
        # It sees nothing of our environment, and writes its cache of fonts nowhere else.
        self._environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "MPLCONFIGDIR": str(home.run / "matplotlib")}

    async def png(self, chart: Chart) -> bytes:
        """Raises DeadlineExceeded, and EngineError where it could not be drawn."""
        try:
            async with asyncio.timeout(self._settings.plot_s), self._turn:
                return await self._drawn(json.dumps(chart.to_json()).encode())
        except TimeoutError:
            raise DeadlineExceeded(
                f"Drawing took more than {self._settings.plot_s:g} s (setting analytics.plot_s); ask for JSON, or draw it yourself."
            ) from None

    async def _drawn(self, chart: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._program,
            cwd=REPOSITORY,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            drawn, said = await process.communicate(chart)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # it ended just now
                    process.kill()
                await process.wait()
        if process.returncode != 0 or not drawn:
            log.error("a plot could not be drawn", status=process.returncode, said=said.decode(errors="replace")[-2000:])
            raise EngineError("The plot could not be drawn; ask for JSON. The log says why.")
        return drawn

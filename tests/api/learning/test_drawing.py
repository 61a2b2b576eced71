"""A drawing that takes too long, or fails, is ended and told."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from api.learning.drawing import Plotter
from cluster.errors import DeadlineExceeded, EngineError
from cluster.home import Home
from cluster.learning.analytics.charts import efficiency_chart
from cluster.settings import AnalyticsSettings

CHART = efficiency_chart([])


def plotter(tmp_path, program: str, seconds: float = 60.0) -> Plotter:
    return Plotter(AnalyticsSettings(plot_s=seconds, plots=1), Home(tmp_path), ("-I", "-c", program))


def drawing(mark: str) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if any(mark in word for word in child.cmdline())]


async def test_one_that_takes_too_long_is_ended(tmp_path):
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"analytics\.plot_s"):
        await plotter(tmp_path, "import time; time.sleep(600)  # endless", 1.0).png(CHART)
    assert time.monotonic() - began < 60
    assert drawing("# endless") == []


async def test_nobody_waits_for_one_whose_caller_has_left(tmp_path, eventually):
    waiting = asyncio.ensure_future(plotter(tmp_path, "import time; time.sleep(600)  # left").png(CHART))
    await eventually(lambda: drawing("# left"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert drawing("# left") == []


async def test_one_that_fails_says_so(tmp_path):
    with pytest.raises(EngineError, match="could not be drawn"):
        await plotter(tmp_path, "raise SystemExit(3)").png(CHART)


async def test_it_sees_nothing_of_our_environment(tmp_path):
    drawn = await plotter(tmp_path, "import os, sys; sys.stdin.read(); print(sorted(os.environ))").png(CHART)
    assert drawn.decode().strip().replace("'LC_CTYPE', ", "") == "['LANG', 'MPLCONFIGDIR', 'PATH']"

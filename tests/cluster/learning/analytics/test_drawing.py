"""Every chart is drawn, also with nothing in it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import numpy as np
import pytest

from cluster.home import REPOSITORY
from cluster.learning.analytics.charts import Chart, cost_chart, drift_chart, efficiency_chart, quality_chart
from cluster.learning.analytics.comparing import compare_rates, compare_texts
from cluster.learning.analytics.cost import costs
from cluster.learning.analytics.drift import How
from cluster.learning.analytics.efficiency import curves
from cluster.learning.analytics.quality import QualityPoint, Rate
from cluster.specs.prices import PricesSpec, PriceTable
from cluster.specs.providers import ProvidersSpec
from tests.cluster.learning.analytics.judged import judgement

NOBODY = Chart([*efficiency_chart([]).panels, *quality_chart({}, []).panels, *cost_chart([]).panels, *drift_chart(None, {}, []).panels])


def everything() -> Chart:
    found = [judgement(0.4), judgement(0.6, labels=100), judgement(0.5, chosen="random", task="a_$b$_")]
    rate = {"approval": Rate(9, 10)}
    point = QualityPoint(date(2026, 11, 2), 10, Rate(9, 10), Rate(1, 10), Rate(0, 0))
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    texts = compare_texts(vectors, vectors + 1, How(99, 0.01, 0.02, 20))
    charts = (
        efficiency_chart(curves(found)),
        quality_chart({("sums", None): [point]}, found),
        cost_chart(costs(found, PriceTable(PricesSpec(), ProvidersSpec()))),
        drift_chart(texts, compare_rates(rate, rate, 0.01), ["A note."]),
    )
    return Chart([panel for chart in charts for panel in chart.panels], ["A note."])


@pytest.mark.parametrize("chart", [NOBODY, everything()], ids=["nothing", "everything"])
def test_a_chart_becomes_a_picture(chart: Chart):
    command = [sys.executable, "-m", "cluster.learning.analytics.drawing"]
    done = subprocess.run(
        command, input=json.dumps(chart.to_json()).encode(), cwd=REPOSITORY, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"\x89PNG")


def test_what_there_is_is_drawn_and_what_there_is_not_is_said():
    assert all(panel.lines for panel in everything().panels)
    assert not any(panel.lines for panel in NOBODY.panels)
    assert all(panel.empty for panel in NOBODY.panels)

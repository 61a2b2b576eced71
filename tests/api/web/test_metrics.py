from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from api.web.metrics import Metrics, begin_sharing

COUNT = """
import sys
from pathlib import Path
from api.web.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
metrics.requests.labels("GET", "/healthz", "200").inc()
metrics.meter("m").__enter__()
print(metrics.exposition().decode())
"""


def replica(folder: Path) -> str:
    """What a process of its own shows after it counted one request and opened one stream, which it never closes."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(folder)], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_replicas_count_together_and_the_dead_hold_no_streams(tmp_path):
    replica(tmp_path)
    text = replica(tmp_path)
    assert 'hearth_http_requests_total{method="GET",path="/healthz",status="200"} 2.0' in text
    assert 'hearth_streams_open{model="m"} 1.0' in text


def test_a_new_run_does_not_count_what_an_earlier_one_left(tmp_path):
    folder = tmp_path / "metrics"
    begin_sharing(folder)
    replica(folder)
    begin_sharing(folder)
    assert 'status="200"} 1.0' in replica(folder)


def test_applications_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.requests.labels("GET", "/healthz", "200").inc()
    assert b'path="/healthz"' in one.exposition()
    assert b'path="/healthz"' not in other.exposition()


def test_tokens_that_came_together_share_their_time():
    metrics = Metrics()
    with metrics.meter("m") as meter:
        meter.arrived(1)
        meter.arrived(4)
    text = metrics.exposition().decode()
    assert 'hearth_first_token_seconds_count{model="m"} 1.0' in text
    assert 'hearth_inter_token_seconds_count{model="m"} 4.0' in text

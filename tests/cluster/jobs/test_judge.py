"""What is done about a running row, in every case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster.jobs.attempts import Running
from cluster.jobs.judge import Verdict, judge
from cluster.jobs.runner import Process
from cluster.jobs.table import Job
from cluster.settings import JobSettings

SETTINGS = JobSettings(lost_after_s=60, start_timeout_s=300, cancel_grace_s=30)
ALIVE, ENDED = Process(True), Process(False, "Exit code 137.")


def running(
    *, begun: bool = True, claimed_s: float = 1, beaten_s: float | None = 1, cancelling_s: float | None = None, by_hand: bool = False
) -> Running:
    job = Job(submission_id=None if by_hand else "x-1", started_at=datetime.now(UTC) if begun else None)
    return Running(job, claimed_s, beaten_s if begun else None, cancelling_s)


@pytest.mark.parametrize(
    ("row", "process", "verdict"),
    [
        (running(), ALIVE, Verdict.LEAVE),
        (running(begun=False), ALIVE, Verdict.LEAVE),
        (running(begun=False), None, Verdict.SUBMIT),
        (running(), None, Verdict.RESUME),
        (running(), ENDED, Verdict.RESUME),
        (running(begun=False), ENDED, Verdict.RESUME),
        (running(beaten_s=61), ALIVE, Verdict.RESUME),
        (running(beaten_s=61), None, Verdict.RESUME),
        (running(begun=False, claimed_s=301), ALIVE, Verdict.RESUME),
        (running(begun=False, claimed_s=301), None, Verdict.RESUME),
        (running(cancelling_s=1), ALIVE, Verdict.LEAVE),
        (running(cancelling_s=31), ALIVE, Verdict.CANCEL),
        (running(cancelling_s=1), ENDED, Verdict.CANCEL),
        (running(cancelling_s=1), None, Verdict.CANCEL),
        (running(cancelling_s=1, beaten_s=61), ALIVE, Verdict.CANCEL),
        (running(begun=False, cancelling_s=1), None, Verdict.CANCEL),
        (running(by_hand=True), None, Verdict.LEAVE),
        (running(by_hand=True, beaten_s=61), None, Verdict.RESUME),
        (running(by_hand=True, cancelling_s=1), None, Verdict.LEAVE),
        (running(by_hand=True, cancelling_s=31), None, Verdict.CANCEL),
    ],
)
def test_what_is_known_decides(row: Running, process: Process | None, verdict: Verdict):
    judgement = judge(row, process, SETTINGS)
    assert judgement.verdict is verdict
    assert bool(judgement.reason) == (verdict in {Verdict.RESUME, Verdict.CANCEL})


def test_the_reason_names_what_the_runner_said_or_the_setting():
    assert "137" in judge(running(), ENDED, SETTINGS).reason
    assert "jobs.lost_after_s" in judge(running(beaten_s=61), ALIVE, SETTINGS).reason
    assert "jobs.start_timeout_s" in judge(running(begun=False, claimed_s=301), ALIVE, SETTINGS).reason

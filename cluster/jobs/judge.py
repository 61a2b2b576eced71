"""What has to be done about a running row, from what is known of its process: a pure function, so that every case can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster.jobs.attempts import Running
from cluster.jobs.runner import Process
from cluster.settings import JobSettings


class Verdict(StrEnum):
    LEAVE = "leave"
    SUBMIT = "submit"  # it was claimed, and never reached the runner
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reason: str = ""


LEAVE = Judgement(Verdict.LEAVE)


def judge(running: Running, process: Process | None, settings: JobSettings) -> Judgement:
    """``process``: what the runner says, None where it knows of none. A row that a person started by hand, without an id at the runner, is
    judged by its signs of life alone."""
    by_hand = running.job.submission_id is None
    gone = not by_hand and (process is None or not process.alive)
    silent = _silence(running, settings)
    if running.cancelling_s is not None:
        ended = gone or silent or running.cancelling_s > settings.cancel_grace_s
        return Judgement(Verdict.CANCEL, "cancelled") if ended else LEAVE
    if not by_hand and process is None:
        if running.job.started_at is None and not silent:
            return Judgement(Verdict.SUBMIT)
        return Judgement(Verdict.RESUME, silent or "Its process is gone, and Ray no longer knows it.")
    if process is not None and not process.alive:
        return Judgement(Verdict.RESUME, f"Its process ended without a result. {process.message}".strip())
    return Judgement(Verdict.RESUME, silent) if silent else LEAVE


def _silence(running: Running, settings: JobSettings) -> str:
    """Why its process counts as lost although nobody says that it ended; empty if it does not."""
    if running.job.started_at is None:
        late = running.claimed_s > settings.start_timeout_s
        return f"Its process did not begin within {settings.start_timeout_s:g} s (setting jobs.start_timeout_s)." if late else ""
    silent = running.beaten_s is None or running.beaten_s > settings.lost_after_s
    return f"Its process gave no sign of life for {settings.lost_after_s:g} s (setting jobs.lost_after_s)." if silent else ""

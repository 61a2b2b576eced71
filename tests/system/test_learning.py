"""`hearth learn demo` in its smallest form: the loop runs through on a cluster, for nobody else."""

from __future__ import annotations

import httpx

from cluster.learning.demo.task import held_out
from tests.conftest import RunningHearth

SMALL = ("--labels", "12", "--questions", "5", "--epochs", "1", "--no-gate")


def answer(hearth: RunningHearth) -> str:
    question = {"role": "user", "content": held_out(1, 1)[0].prompt}
    body = {"model": "hearth-nano", "messages": [question], "temperature": 0, "max_tokens": 32}
    answered = httpx.post(f"{hearth.base_url}/v1/chat/completions", json=body, headers=hearth.shown, timeout=60)
    assert answered.status_code == 200, answered.text
    return str(answered.json()["choices"][0]["message"]["content"])


def test_the_loop_runs_through_twice_and_changes_nobody_elses_answers(hearth: RunningHearth):
    before = answer(hearth)
    for words in (SMALL, (*SMALL, "--keep-old")):
        done = hearth.run("learn", "demo", *words)
        assert done.returncode == 0, done.stderr
        assert "Consent" in done.stdout
        assert "5 of 5 answers are the old ones" in done.stdout
        assert ("Promoted again" in done.stdout) == ("--keep-old" not in words)
        assert answer(hearth) == before
    assert (hearth.home.keys / "learn-demo.key").stat().st_mode & 0o077 == 0
    told = hearth.run("learn", "status", "--key-file", str(hearth.home.keys / "learn-demo.key"))
    assert "may be learned from" in told.stdout
    assert "hearth-nano:learn-demo" in told.stdout

"""From a profile to a running cluster: plan, prepare weights, write the launch file, start the head process, follow it until it is ready.

Every step can be repeated: a cluster that runs is left alone, leftovers of one that died are ended first, and a start that is
interrupted leaves nothing running.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from filelock import FileLock, Timeout

from cluster.errors import Conflict, Unavailable
from cluster.home import REPOSITORY, Home
from cluster.runtime.environment import cluster_environment
from cluster.runtime.launch import Launch, launch_file
from cluster.runtime.ports import holder, is_free
from cluster.runtime.processes import end, ours, sweep
from cluster.runtime.state import RunState, read_state, run_file, running, write_atomically
from cluster.settings import Settings

Report = Callable[[str], None]

POLL_S = 0.2
# How long the head has for taking everything down in order: what it does not end in that time is swept away.
HEAD_GRACE_S = 30.0


def lock(home: Home) -> FileLock:
    """Held by whoever starts or stops the cluster of ``home``."""
    return FileLock(home.run / "lock", timeout=0)


def start(home: Home, settings: Settings, make_launch: Callable[[], Launch], report: Report) -> RunState:
    """The running cluster of ``home``, started unless it runs already. ``make_launch`` (plans, prepares) is called once the port is ours.

    Raises Conflict when the port is taken (naming by whom), or another start or stop is under way; Unavailable with the reason when it does
    not come up. Whatever goes wrong, and on Ctrl-C, nothing is left running.
    """
    home.create()
    try:
        with lock(home):
            if (state := running(home)) is not None and state.phase == "ready":
                return state
            report("ending leftovers of an earlier run")
            sweep(home)
            home.create()
            _claim_port(settings)
            launch = make_launch()
            write_atomically(launch_file(home), launch.model_dump_json(indent=1))
            return _spawn_and_follow(home, launch, report)
    except Timeout:
        raise Conflict(f"Another `hearth up` or `hearth down` is at work on {home.root}; wait for it to finish.") from None


def stop(home: Home, report: Report) -> int:
    """Ends the cluster of ``home`` and everything it left: processes, shared memory, sockets. Returns how many processes there were."""
    home.run.mkdir(parents=True, exist_ok=True)
    with FileLock(home.run / "lock", timeout=HEAD_GRACE_S + 30):
        report("stopping")
        before = ours(home)
        if (state := running(home)) is not None:
            end([process for process in before if process.pid == state.pid], HEAD_GRACE_S)
        sweep(home)
        run_file(home).unlink(missing_ok=True)
        return len(before)


def _claim_port(settings: Settings) -> None:
    port = settings.http.port
    if not is_free(port, settings.http.host.replace("localhost", "127.0.0.1")):
        who = holder(port) or "another process"
        raise Conflict(f"Port {port} is taken by {who}; end it, or choose another with --port.")


def _spawn_and_follow(home: Home, launch: Launch, report: Report) -> RunState:
    run_file(home).unlink(missing_ok=True)
    report("starting the head process")
    with (home.logs / "head.log").open("ab") as log:
        head = subprocess.Popen(
            [sys.executable, "-m", "cluster.runtime.head", "--home", str(home.root)],
            cwd=REPOSITORY,
            env=cluster_environment(home, launch.settings, launch.gpus, turns=launch.turns),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        return _follow(home, head, report)
    except BaseException:
        sweep(home)
        with suppress(subprocess.TimeoutExpired):
            head.wait(timeout=5)
        raise


def _follow(home: Home, head: subprocess.Popen[bytes], report: Report) -> RunState:
    shown = ""
    while True:
        state = read_state(home)
        if state is not None and state.phase == "ready":
            return state
        if head.poll() is not None:
            reason = state.error if state and state.error else f"the head process ended with code {head.returncode}"
            raise Unavailable(f"Hearth did not start: {reason}. See {home.logs / 'head.log'} (retry in 10 s).")
        if state is not None and state.step != shown:
            shown = state.step
            report(shown)
        time.sleep(POLL_S)

"""The head process: it owns the cluster's Ray node and Serve, and with it they live and die.

``python -m cluster.runtime.head --home DIR`` reads the launch file that ``hearth up`` wrote, starts the stores, Ray (on loopback), the
ledger and the Serve applications, reports its progress in the run file, and then watches the node until it is told to stop (SIGTERM,
SIGINT).
Ray's own processes are tied to this one by the kernel (PR_SET_PDEATHSIG), so a kill -9 of it leaves no cluster without an owner.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import ray
import structlog
import tenacity

from cluster import ledger
from cluster.backup.create import backup_before_migration
from cluster.errors import HearthError, Unavailable
from cluster.home import Home
from cluster.logs import configure_logging
from cluster.runtime.agent_port import agent_on_a_free_port
from cluster.runtime.launch import Launch, read_launch
from cluster.runtime.ports import first_free
from cluster.runtime.serve_api import ServeApi
from cluster.runtime.state import RunState, write_state
from cluster.runtime.traefik import announce, withdraw
from cluster.stores.keeper import Stores
from cluster.stores.migrate import ensure_admin, migrate

log = structlog.get_logger(__name__)

WATCH_S = 2.0
# Ray gives up on a machine that is too busy to start it in time; what it began is ended before it is tried again.
RAY_STARTS = 3


class Head:
    """One cluster, from start to stop."""

    def __init__(self, home: Home, launch: Launch, pid: int) -> None:
        self.home = home
        self.launch = launch
        http = launch.settings.http
        self.state = RunState(
            pid=pid, phase="starting", profile=launch.profile, base_url=f"http://{http.host}:{http.port}", started_at=time.time()
        )
        self.stopping = threading.Event()
        self.stores = Stores(home, launch.settings)

    def heed_signals(self) -> None:
        """SIGTERM and SIGINT stop this cluster. To be called again once Ray is connected, whose core puts its own handler in our place."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: self.stopping.set())

    def report(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        write_state(self.home, self.state)

    def start(self) -> None:
        """Everything up to ready. Raises HearthError when it does not come up in time."""
        deadline = time.monotonic() + self.launch.settings.ray.start_timeout_s
        self.stores.start(lambda step: self.report(step=step))
        self.report(step="bringing the database up to date")
        backup_before_migration(self.launch.settings)
        migrate(self.launch.settings)
        ensure_admin(self.launch.settings)
        self.report(step="starting Ray")
        again = tenacity.stop_after_attempt(RAY_STARTS)
        tenacity.Retrying(stop=again, before_sleep=lambda _: ray.shutdown(), reraise=True)(self._start_ray)
        ledger.start(self.launch.ledger)
        self.report(step="starting Serve")
        api = ServeApi(self.state.dashboard_url or "", self.home)
        api.deploy(self.launch.serve_config, deadline)
        while not self._is_ready(api):
            self._check(deadline)
        announce(self.launch.settings.http)
        self.report(phase="ready", step="", ready_at=time.time())
        log.info("cluster ready", url=self.state.base_url, seconds=round(time.time() - self.state.started_at, 1))

    def watch(self) -> None:
        """Returns when asked to stop; raises Unavailable when the Ray node is gone."""
        while not self.stopping.wait(WATCH_S):
            if not _node_lives():
                raise Unavailable("The Ray node died; see the logs in HEARTH_HOME/logs and start it again with `hearth up` (retry in 5 s).")

    def stop(self) -> None:
        try:
            withdraw(self.launch.settings.http)
        finally:
            ray.shutdown()
            self.stores.stop()

    def _start_ray(self) -> None:
        launch = self.launch
        with agent_on_a_free_port():
            context = ray.init(
                address="local",
                namespace=ledger.NAMESPACE,
                num_cpus=launch.num_cpus,
                num_gpus=len(launch.gpus),
                object_store_memory=int(launch.settings.ray.object_store),
                _memory=launch.memory_bytes,
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                dashboard_port=first_free(launch.settings.ray.dashboard_port),
                _temp_dir=str(self.home.scratch),
                _node_ip_address="127.0.0.1",
                log_to_driver=False,
            )
        info: dict[str, Any] = vars(context)["address_info"]
        self.report(dashboard_url=f"http://{info['webui_url']}", ray_address=str(info["address"]))
        self.heed_signals()

    def _is_ready(self, api: ServeApi) -> bool:
        step = api.progress()
        if step is not None:
            self.report(step=step)
            return False
        try:
            answer = httpx.get(f"{self.state.base_url}/readyz", timeout=5.0)
        except httpx.TransportError as error:
            self.report(step=f"waiting for /readyz ({type(error).__name__})")
            return False
        self.report(step=f"waiting for /readyz ({answer.status_code}{missing(answer)})")
        return answer.status_code == httpx.codes.OK

    def _check(self, deadline: float) -> None:
        if self.stopping.wait(0.3):
            raise Unavailable("Stopped while starting (retry in 1 s).")
        if time.monotonic() > deadline:
            seconds = self.launch.settings.ray.start_timeout_s
            raise Unavailable(f"Not ready after {seconds:.0f} s, last step: {self.state.step}. `hearth logs` shows why (retry in 10 s).")


def missing(answer: httpx.Response) -> str:
    """What is not ready by the answer of ``/readyz``, for whoever waits for it in vain."""
    try:
        found = [f"{one['name']}: {one['detail']}" for one in answer.json()["dependencies"] if not one["ready"]]
    except (ValueError, KeyError, TypeError):
        return ""  # it is not ours: what stands before the API answers while that starts
    return "".join(f"; {one}" for one in found)


def _node_lives() -> bool:
    try:
        return any(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - whatever Ray raises when its control store is gone, the answer is the same
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args().home)
    launch = read_launch(home)
    configure_logging(launch.settings.log)
    head = Head(home, launch, pid=os.getpid())
    head.heed_signals()
    return _run(head)


def _run(head: Head) -> int:
    try:
        head.start()
        head.watch()
    except Exception as error:
        message = error.message if isinstance(error, HearthError) else f"{type(error).__name__}: {error}"
        log.exception("cluster failed")
        head.stop()
        head.report(phase="failed", error=message)
        return 1
    head.report(phase="stopping", step="stopping Ray")
    head.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is measured on, of the running cluster: a replica in an actor of its own, or what is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from cluster.contracts.serving import MODELS_APP, ReplicaSpec, Retuning
from cluster.errors import Conflict, EngineError, HearthError, Unavailable
from cluster.home import Home
from cluster.jobs.work import Work
from cluster.optimising.box import Box
from cluster.optimising.load import Load, Sample
from cluster.runtime.serve_api import ServeApi
from cluster.runtime.state import read_state
from cluster.serving.reach import Reach
from cluster.serving.trial import Trial
from training.optimise.measuring import Rig

LOOK_S = 0.2
WINDOW = 'measure it with what is served, when that disturbs nobody: "measure": "window"'


class RayRigs:
    """Of the cluster of ``home``, to which this process is attached."""

    def __init__(self, home: Home, reach: Reach) -> None:
        self._home = home
        self._reach = reach

    @contextmanager
    def beside(self, spec: ReplicaSpec) -> Iterator[Rig]:
        if spec.device != "cpu":
            raise Conflict(f"'{spec.model}' is on a card, and the plan leaves no room there for one more; {WINDOW}.")
        ray.init(ignore_reinit_error=True, log_to_driver=False)
        free = float(ray.available_resources().get("memory", 0.0))  # type: ignore[no-untyped-call]
        if free < spec.budget_bytes:
            lacking = (spec.budget_bytes - free) / 2**20
            raise Conflict(f"There is no room for one more '{spec.model}' beside what is served ({lacking:.0f} MiB lack); {WINDOW}.")
        actor: Any = ray.remote(Trial).options(num_cpus=0, memory=spec.budget_bytes).remote(spec.model_dump(mode="json"))
        try:
            yield Beside(actor)
        finally:
            ray.kill(actor)

    def live(self, model: str) -> Rig:
        return Live(self._home, self._reach, model)

    def quiet(self, work: Work) -> None:
        limits = work.settings.optimising
        began = busy = time.monotonic()
        while True:
            seen = self._reach.wait(self._reach.models.residency)
            now = time.monotonic()
            if any(use.ongoing + use.queued for use in seen.models):
                busy = now
            elif now - busy >= limits.quiet_s:
                return
            if now - began > limits.patience_s:
                raise Conflict(f"Models were asked without a pause for {limits.patience_s:.0f} s (optimising.patience_s); {WINDOW}.")
            work.check()
            time.sleep(LOOK_S)


class Beside:
    """A replica that nobody else asks."""

    def __init__(self, actor: Any) -> None:
        """``actor``: of a Trial."""
        self._actor = actor

    def set(self, retuning: Retuning) -> None:
        _get(self._actor.set.remote(retuning.model_dump(exclude_none=True)))

    def sample(self, load: Load, seed: int) -> Sample:
        sample: Sample = _get(self._actor.sample.remote(load, seed))
        return sample

    def memory(self) -> int:
        return int(_get(self._actor.memory.remote()))


class Live:
    """What is served: Serve tells every replica of it what is other, without starting it anew, and a replica that takes the place of one
    that died, too."""

    def __init__(self, home: Home, reach: Reach, model: str) -> None:
        self._home = home
        self._reach = reach
        self._model = model

    def set(self, retuning: Retuning) -> None:
        box = Box.of(self._home)
        if box.tuning(self._model) == retuning:
            return
        tuned = box.retuned(self._model, retuning)
        tuned.write()
        state = read_state(self._home)
        if state is None or state.dashboard_url is None:
            raise Unavailable("The cluster is not running; retry when it does (in 10 s).")
        api = ServeApi(state.dashboard_url, self._home)
        until = time.monotonic() + box.launch.settings.ray.start_timeout_s
        api.deploy(tuned.launch.serve_config, until)
        _until(lambda: self._taken(api, retuning), until, f"'{self._model}' did not take {retuning.model_dump(exclude_none=True)}")

    def sample(self, load: Load, seed: int) -> Sample:
        return self._reach.wait(load.run, self._reach.models, seed)

    def memory(self) -> int:
        seen = self._reach.wait(self._reach.models.residency)
        return next((use.measured_bytes or 0 for use in seen.models if use.model == self._model), 0)

    def _taken(self, api: ServeApi, retuning: Retuning) -> bool:
        """Serve shows what a deployment is to be, and whether all its replicas are."""
        app = api.applications().get(MODELS_APP, {})
        shown = app.get("deployments", {}).get(self._model, {})
        told = (shown.get("deployment_config") or {}).get("user_config") or {}
        if shown.get("status") == "UNHEALTHY":
            raise EngineError(f"'{self._model}' did not take it: {str(shown.get('message'))[-1000:]}")
        return told == retuning.model_dump(exclude_none=True) and shown.get("status") == "HEALTHY"


def _until(so: Callable[[], bool], deadline: float, otherwise: str) -> None:
    while not so():
        if time.monotonic() > deadline:
            raise EngineError(f"{otherwise} in time; `hearth logs` shows why.")
        time.sleep(LOOK_S)


def _get(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.as_instanceof_cause()  # type: ignore[no-untyped-call]
        if isinstance(cause, HearthError):
            raise type(cause)(cause.message) from None
        raise EngineError(f"The replica that was measured failed: {cause}") from error
    except RayActorError as error:
        raise EngineError(f"The replica that was measured ended: {str(error).splitlines()[0]}") from error

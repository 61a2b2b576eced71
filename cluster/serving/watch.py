"""Looking after Serve's replicas from outside: on which GPU each sits, whether its process is gone, and why a model cannot start.

The Serve controller, where the residency policy runs, must never wait; so this runs in the ledger's process. Every function here may block.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import psutil
import ray
from ray import serve
from ray.exceptions import GetTimeoutError, RayActorError
from ray.serve._private.common import ReplicaState
from ray.serve.schema import ApplicationStatusOverview, DeploymentStatusOverview

from cluster.contracts.serving import MODELS_APP

# Serve names each replica's actor by its full id, in this namespace.
SERVE_NAMESPACE = "serve"
ANSWER_S = 5.0
# States of a replica that still may come to answer.
HOPEFUL = frozenset(ReplicaState) - {ReplicaState.STOPPING}


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """``gpus`` as Ray names them to the process: indices, or what CUDA_VISIBLE_DEVICES of the node held."""

    pid: int
    gpus: tuple[str, ...]


def locate(names: Iterable[str]) -> dict[str, Whereabouts]:
    """Where each replica sits; one that is dead or does not answer in time is left out."""
    asked: dict[str, ray.ObjectRef[Whereabouts]] = {}
    for name in names:
        try:
            asked[name] = ray.get_actor(name, namespace=SERVE_NAMESPACE).__ray_call__.remote(_here)
        except ValueError:
            continue
    found = {}
    for name, answer in asked.items():
        try:
            found[name] = ray.get(answer, timeout=ANSWER_S)
        except (RayActorError, GetTimeoutError):
            continue
    return found


def gone(names: Iterable[str]) -> frozenset[str]:
    """Those whose actor is dead, so that Ray has its share back."""
    return frozenset(name for name in names if not _alive(name))


def failures() -> dict[str, str]:
    """Models that Serve has given up starting, each with the last line of its error."""
    app = serve.status().applications.get(MODELS_APP)
    return {} if app is None else _failed(app)


class Families:
    """The processes of this machine by parent, as they are when it is made: the table is read once for all that is asked."""

    def __init__(self) -> None:
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        for process in psutil.process_iter(["ppid"]):
            self._children[process.info["ppid"]].append(process.pid)

    def of(self, pid: int) -> frozenset[int]:
        """The process and all below it; empty when it is gone."""
        found, waiting = set[int](), [pid] if psutil.pid_exists(pid) else []
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self._children.get(one, ()))
        return frozenset(found)

    def resident_bytes(self, pid: int) -> int | None:
        """Memory of the process and all below it, in RAM; None when it is gone."""
        sizes = [size for member in self.of(pid) if (size := _resident(member)) is not None]
        return sum(sizes) if sizes else None


def _resident(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def _failed(app: ApplicationStatusOverview) -> dict[str, str]:
    return {name: _last_line(status.message) for name, status in app.deployments.items() if _gave_up(status)}


def _gave_up(status: DeploymentStatusOverview) -> bool:
    # Typed as ReplicaState in Ray's schema, plain text in fact.
    hopeful = any(count for state, count in status.replica_states.items() if ReplicaState(state) in HOPEFUL)
    return status.status.value in {"DEPLOY_FAILED", "UNHEALTHY"} and not hopeful


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not start; see the logs"


def _alive(name: str) -> bool:
    try:
        ray.get_actor(name, namespace=SERVE_NAMESPACE)
    except ValueError:
        return False
    return True


def _here(_: object) -> Whereabouts:
    return Whereabouts(os.getpid(), tuple(str(gpu) for gpu in ray.get_runtime_context().get_accelerator_ids().get("GPU", ())))

"""What a Serve call raises, turned into our error tree. The only place that knows Ray's and gRPC's exceptions."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped]
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError, TaskCancelledError, WorkerCrashedError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    RayServeException,
    ReplicaUnavailableError,
    RequestCancelledError,
)

from cluster.errors import Cancelled, EngineError, HearthError, Overloaded, Unavailable

# The replica, or the way to it, broke: nothing is known of the work, and another replica may do it.
LOST = (RayActorError, ReplicaUnavailableError, ObjectLostError, WorkerCrashedError)
# Status of a call whose replica died, seen as the connection dropped or the server went away while it ran.
LOST_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


class ReplicaLostError(EngineError):
    """The replica died or left while it worked. A call that may be repeated is repeated; a stream that has begun ends with this."""


def translate(error: Exception, model: str) -> HearthError:
    """The error of the tree that says what happened to a call of ``model``. What a replica raised arrives bare over gRPC, and wrapped in
    a RayTaskError otherwise."""
    if isinstance(error, HearthError):
        return error
    if isinstance(error, RayTaskError):
        return translate(error.cause, model)
    if isinstance(error, BackPressureError):
        return Overloaded(f"Too many requests wait for model '{model}'; retry in 1 s.")
    if isinstance(error, DeploymentUnavailableError):
        return EngineError(f"Model '{model}' could not be started; `hearth status` and `hearth logs` say why.")
    if isinstance(error, (TaskCancelledError, RequestCancelledError)):
        return Cancelled(f"The request to model '{model}' was stopped.")
    if isinstance(error, LOST) or (isinstance(error, grpc.RpcError) and _code(error) in LOST_CODES):
        return ReplicaLostError(f"Model '{model}' stopped in the middle of the work; send the request again.")
    if type(error) is RayServeException:
        # Ray could not name Serve's controller: it is starting again, or the machine is too busy to answer in time.
        return Unavailable(f"'{model}' cannot be reached at present ({error}); retry in 5 s.")
    return EngineError(f"Model '{model}' failed ({type(error).__name__}: {error}); `hearth logs` has the traceback.")


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    return code() if callable(code) else None

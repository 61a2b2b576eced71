"""The autoscaling policy that Serve's controller runs for the models application.

Thin on purpose: Serve pickles this module by value into the controller. It must never wait and never raise; the work is in steward.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.serve._private.common import DeploymentID
from ray.serve.config import AutoscalingContext

from cluster.serving.args import PolicyArgs
from cluster.serving.steward import Steward


class ResidencyPolicy:
    """``kwargs`` is the JSON of PolicyArgs. Called at every turn of Serve's control loop with the context of every model deployment."""

    def __init__(self, **kwargs: Any) -> None:
        self._steward = Steward(PolicyArgs.model_validate(kwargs))

    def __call__(self, contexts: Mapping[DeploymentID, AutoscalingContext]) -> tuple[dict[DeploymentID, int], None]:
        ids = {context.deployment_name: deployment for deployment, context in contexts.items()}
        targets = self._steward.tick({context.deployment_name: context for context in contexts.values()})
        return {ids[model]: target for model, target in targets.items() if model in ids}, None

"""The running cluster, as far as it may be changed while it runs: what it was started with, and what was changed of it since.

Both stand in the launch file, so that whoever attaches to the cluster, and a process that goes on where a killed one was, sees what is in
force.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import MODELS_APP, ReplicaSpec, ResidentModel, Retuning
from cluster.errors import ConfigError, NotFound
from cluster.home import PROFILES, Home
from cluster.optimising.change import LIVE, TunedField
from cluster.optimising.overrides import overlaid, with_values
from cluster.runtime.launch import Launch, launch_file, read_launch
from cluster.runtime.state import write_atomically
from cluster.serving.args import ModelsArgs, PolicyArgs
from cluster.specs.profile import ProfileSpec, ServedModel, load_profile


@dataclass(frozen=True, slots=True)
class Box:
    """As it was when this was read."""

    home: Home
    launch: Launch

    @classmethod
    def of(cls, home: Home) -> Box:
        return cls(home, read_launch(home))

    @property
    def profile(self) -> ProfileSpec:
        """As it will be at the next start."""
        return overlaid(load_profile(self.launch.settings.profile, PROFILES), self.home)

    @property
    def residents(self) -> Mapping[str, ResidentModel]:
        """What residency knows of the models that run."""
        app = _models(self.launch.serve_config)
        return {one.model: one for one in PolicyArgs.model_validate(app["autoscaling_policy"]["policy_kwargs"]).models}

    @property
    def replicas(self) -> Mapping[str, ReplicaSpec]:
        """By model, as they run now."""
        app = _models(self.launch.serve_config)
        tuned = {one["name"]: Retuning.model_validate(one.get("user_config") or {}) for one in app["deployments"]}
        return {spec.model: tuned.get(spec.model, Retuning()).of(spec) for spec in ModelsArgs.model_validate(app["args"]).models}

    def replica(self, model: str) -> ReplicaSpec:
        """Raises NotFound for a model that does not run here."""
        found = self.replicas.get(model)
        if found is None:
            raise NotFound(f"'{model}' is not served here; GET /v1/models lists what is.")
        return found

    def served(self, model: str) -> ServedModel:
        """What the profile says of it. Raises NotFound."""
        found = next((one for one in self.profile.models if one.model == model), None)
        if found is None:
            raise NotFound(f"'{model}' is not in the profile {self.launch.profile}.")
        return found

    def kinds(self, kind: ModelKind) -> list[str]:
        return [model for model, spec in self.replicas.items() if spec.kind is kind]

    def planned(self, model: str, field: TunedField, value: int | bool) -> ReplicaSpec:
        """A replica of ``model`` if the profile said so. Raises ConfigError where that does not fit this machine, naming what lacks."""
        from cluster.runtime.compose import plan_for_this_machine  # with it comes Ray Serve, which takes seconds to load

        plan = plan_for_this_machine(with_values(self.profile, {(model, field): value}), self.home)
        found = next(one for one in plan.models if one.spec.id == model)
        others = [one.spec.id for one in plan.models if one.spec.id in self.replicas and not one.servable]
        if others:
            raise ConfigError(f"With {field} {value} of '{model}' there is no room for {', '.join(others)}: {found.reason}")
        return found.replica_spec(self.launch.settings, self.home)

    def takes(self, model: str, field: TunedField, value: int | bool) -> bool:
        """Whether what is served can take the value without a start: it is one that replicas take, and on a card the budget that they have
        there holds it. Raises ConfigError where it does not fit this machine at all."""
        spec = self.replica(model)
        return field in LIVE and (spec.device == "cpu" or self.planned(model, field, value).budget_bytes <= spec.budget_bytes)

    def retuned(self, model: str, retuning: Retuning) -> Box:
        """The same cluster with other replicas of ``model``, not written yet. ``Retuning()``: as they were started."""
        config = deepcopy(self.launch.serve_config)
        deployment = next((one for one in _models(config)["deployments"] if one["name"] == model), None)
        if deployment is None:
            raise NotFound(f"'{model}' is not served here; GET /v1/models lists what is.")
        # Never left out: Serve tells replicas of another configuration, but not of none.
        deployment["user_config"] = retuning.model_dump(exclude_none=True)
        return replace(self, launch=self.launch.model_copy(update={"serve_config": config}))

    def tuning(self, model: str) -> Retuning:
        """What is other than the replicas were started with."""
        found: dict[str, Any] = next((one for one in _models(self.launch.serve_config)["deployments"] if one["name"] == model), {})
        return Retuning.model_validate(found.get("user_config") or {})

    def due(self, model: str) -> Retuning:
        """What must be other than the replicas were started with, so that they are as the profile with its optimisations says."""
        args = ModelsArgs.model_validate(_models(self.launch.serve_config)["args"])
        started = next(spec for spec in args.models if spec.model == model)
        served = self.served(model)
        slots = served.parallel if started.kind is ModelKind.LLM and served.parallel != started.parallel else None
        if slots is not None and not self.takes(model, "parallel", slots):
            slots = None
        batch = served.batch_tokens if started.kind is ModelKind.EMBEDDING and served.batch_tokens != started.batch_tokens else None
        return Retuning(parallel=slots, batch_tokens=batch)

    def write(self) -> None:
        write_atomically(launch_file(self.home), self.launch.model_dump_json(indent=1))


def _models(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(app for app in config["applications"] if app["name"] == MODELS_APP)
    return found

"""From a profile to a plan: catalog, devices, weights on this machine and earlier measurements, put together for the planner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cluster.contracts.models import ModelKind, ModelStatus
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.engines import CPU_ONLY, EngineChoice, Refusal, choose_engine
from cluster.errors import ConfigError
from cluster.hardware import Device, readable
from cluster.home import Home
from cluster.inventory import need_known
from cluster.measurements import Measurement, Measurements
from cluster.placement import Demand, Plan, Rejected, plan
from cluster.planned import PREPARED, Need, PlannedModel, measurement_key, sequences
from cluster.settings import Settings
from cluster.specs.catalog import Catalog, EngineName, ModelSpec
from cluster.specs.profile import ProfileSpec, ServedModel
from cluster.vram.adapters import AdapterRoom
from cluster.vram.estimate import Estimate, estimate, shape_of
from cluster.vram.headers import WeightFacts, read_facts
from cluster.weights import Inspection, inspect, prepared

# Tokens of context where neither the profile nor a smaller model says otherwise.
DEFAULT_CONTEXT = 8192
# Fill whatever budget they are given, so that their measured peak says nothing about what they need.
FILLS_ITS_BUDGET: frozenset[EngineName] = frozenset({"vllm"})


@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """A profile planned for a machine. ``devices``: GPUs in the order in which Ray must count them, then the CPU. ``models``: in the
    profile's order."""

    profile: ProfileSpec
    devices: tuple[Device, ...]
    plan: Plan
    models: tuple[PlannedModel, ...]

    def check(self) -> ResolvedPlan:
        """This plan; raises ConfigError when pinned models do not fit."""
        self.plan.check()
        return self

    def replica_specs(self, settings: Settings, home: Home) -> tuple[ReplicaSpec, ...]:
        """Of the models that are here and fit, in the order in which they must be deployed for Ray to follow the plan."""
        return tuple(model.replica_spec(settings, home) for model in self._servable())

    def resident_models(self) -> tuple[ResidentModel, ...]:
        """The same models, as residency sees them."""
        return tuple(model.resident_model() for model in self._servable())

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Every model of the profile, in its order."""
        return tuple(model.status() for model in self.models)

    def preparations(self, home: Home) -> tuple[tuple[Path, Path], ...]:
        """(weights, folder to make from them) of servable models whose engine serves another form; to be made before they start."""
        needs = [(model.spec, model.need, model.path) for model in self._servable()]
        return tuple(
            (path, prepared(spec, need.choice.variant, home))
            for spec, need, path in needs
            if need and path and need.choice.engine in PREPARED
        )

    def _servable(self) -> Iterator[PlannedModel]:
        by_id = {model.spec.id: model for model in self.models if model.servable}
        return (by_id[name] for name in dict.fromkeys(placement.model for placement in self.plan.placements) if name in by_id)


def resolve_plan(
    profile: ProfileSpec,
    catalog: Catalog,
    devices: Sequence[Device],
    home: Home,
    measurements: Measurements | None = None,
    only_here: bool = False,
) -> ResolvedPlan:
    """The plan for ``profile`` on ``devices`` (see hardware.profile_devices). ``only_here`` leaves models whose weights are not on this
    machine out of the plan (what ``up`` serves); otherwise they are planned as if they were.

    Raises NotFound for a model that the catalog does not have, ConfigError for a context the model cannot hold or a catalog entry that
    says too little. Pinned models that do not fit are in ``plan.shortfalls``; see :meth:`ResolvedPlan.check`.
    """
    book = measurements or Measurements(home.state)
    note = "; NVML found no GPU on this machine" if profile.devices == "auto" and not any(d.is_gpu for d in devices) else ""
    candidates = [_Candidate.of(served, spec, devices, home, book, note) for served, spec in need_known(profile, catalog)]
    in_plan = [candidate for candidate in candidates if candidate.needs and (candidate.here or not only_here)]
    made = plan(devices, [candidate.demand() for candidate in in_plan])
    made = _with_refusals(made, candidates)
    models = tuple(candidate.planned(made, planned=candidate in in_plan) for candidate in candidates)
    by_id = {device.id: device for device in devices}
    ordered = (*(by_id[name] for name in made.gpu_order), *(device for device in devices if device.id not in made.gpu_order))
    return ResolvedPlan(profile, ordered, made, models)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One model with what it needs on each device that can run it, and why the others cannot."""

    served: ServedModel
    spec: ModelSpec
    context_tokens: int | None
    needs: dict[str, Need]
    refusals: tuple[str, ...]

    @classmethod
    def of(cls, served: ServedModel, spec: ModelSpec, devices: Sequence[Device], home: Home, book: Measurements, note: str) -> _Candidate:
        context = _context(served, spec)
        needs: dict[str, Need] = {}
        refusals: list[str] = []
        for device in _eligible(served, spec, devices):
            choice = choose_engine(spec, device, served.engine, served.quantization)
            if isinstance(choice, Refusal):
                refusals.append(choice.reason)
            else:
                on_purpose = choice.engine in CPU_ONLY and any(other.is_gpu for other in devices)
                why = f"; {choice.engine} has no form for GPUs" if on_purpose else note
                choice = replace(choice, reason=choice.reason + why)
                needs[device.id] = _need(served, spec, context, choice, device, home, book)
        return cls(served, spec, context, needs, tuple(dict.fromkeys(refusals)))

    @property
    def here(self) -> bool:
        return any(need.weights.path for need in self.needs.values())

    @property
    def refused(self) -> Rejected | None:
        if self.needs:
            return None
        why = " ".join(self.refusals) or f"'{self.spec.id}' cannot run: the profile has no device."
        return Rejected(self.spec.id, why, 0)

    def demand(self) -> Demand:
        budgets = {device: need.budget_bytes for device, need in self.needs.items()}
        return Demand(self.served.model, budgets, self.served.pinned, self.served.priority, self.served.replicas)

    def planned(self, made: Plan, planned: bool) -> PlannedModel:
        places = tuple(placement for placement in made.placements if placement.model == self.served.model)
        rejected = next((r for r in (*made.rejected, *made.shortfalls) if r.model == self.served.model), None)
        need = self.needs.get(places[0].device) if places else next(iter(self.needs.values()), None)
        if rejected is not None and rejected.device in self.needs:
            need = self.needs[rejected.device]
        why = "" if planned or need is None else need.weights.reason
        return PlannedModel(self.spec, self.served, self.context_tokens, need, places, rejected, why)


def _eligible(served: ServedModel, spec: ModelSpec, devices: Sequence[Device]) -> list[Device]:
    """The GPUs, where there are any; the CPU where there are none, or for a model that exists only in a form for the CPU."""
    gpus = [device for device in devices if device.is_gpu]
    wanted = [variant for variant in spec.variants if served.engine in {None, variant.engine}]
    if gpus and not (wanted and all(variant.engine in CPU_ONLY for variant in wanted)):
        return gpus
    return [device for device in devices if not device.is_gpu]


def _context(served: ServedModel, spec: ModelSpec) -> int | None:
    if spec.kind is not ModelKind.LLM:
        return spec.context_tokens
    longest = spec.context_tokens or DEFAULT_CONTEXT
    if served.context_tokens and served.context_tokens > longest:
        raise ConfigError(
            f"Model '{spec.id}' holds at most {longest} tokens; the profile asks for context_tokens: {served.context_tokens}. Lower it."
        )
    return served.context_tokens or min(longest, DEFAULT_CONTEXT)


def _need(
    served: ServedModel, spec: ModelSpec, context: int | None, choice: EngineChoice, device: Device, home: Home, book: Measurements
) -> Need:
    weights = inspect(spec, choice.variant, home)
    facts = _facts(weights, choice)
    adapters = AdapterRoom.of(served, choice.engine, shape_of(spec, facts))
    guess = estimate(spec, choice, context or 0, sequences(served, spec), facts, adapters)
    measured = book.get(measurement_key(served, spec, choice, context, device))
    budget, basis = _budget(served, choice, guess, measured)
    return Need(device, choice, guess, measured, budget, basis, weights, adapters)


def _facts(weights: Inspection, choice: EngineChoice) -> WeightFacts | None:
    return read_facts(weights.path, choice.variant.file) if weights.path is not None else None


def _budget(served: ServedModel, choice: EngineChoice, guess: Estimate, measured: Measurement | None) -> tuple[int, str]:
    """Bytes, and where they come from: the profile, else a measurement, else the estimate."""
    if served.budget is not None:
        return int(served.budget), "budget set by the profile"
    if measured and measured.budget_bytes is not None and choice.engine not in FILLS_ITS_BUDGET:
        # A run may not have met its largest request yet: weights, cache and runtime are certain, so no measurement goes below them.
        certain = guess.total_bytes - guess.compute_bytes
        said = f"budget from a measured peak of {readable(measured.peak_bytes or 0)} (estimate {readable(guess.total_bytes)})"
        return max(measured.budget_bytes, certain), said
    return guess.total_bytes, f"budget estimated from {guess.origin}"


def _with_refusals(made: Plan, candidates: Sequence[_Candidate]) -> Plan:
    """``made``, and the models that no device can run: rejected, or a shortfall when they are pinned."""
    refused = [(candidate.served.pinned, r) for candidate in candidates if (r := candidate.refused) is not None]
    pinned = tuple(r for is_pinned, r in refused if is_pinned)
    others = tuple(r for is_pinned, r in refused if not is_pinned)
    shortfalls = (*made.shortfalls, *pinned)
    return replace(made, placements=() if shortfalls else made.placements, rejected=(*made.rejected, *others), shortfalls=shortfalls)

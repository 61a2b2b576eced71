"""From a profile to the launch file: plan for this machine, make what has to be made once, and write down what the head is to run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from cluster.errors import ConfigError, EngineError
from cluster.hardware import NvmlReader, profile_devices
from cluster.home import CATALOG, PRICES, PROVIDERS, REPOSITORY, Home
from cluster.planning import ResolvedPlan, resolve_plan
from cluster.runtime.launch import Launch
from cluster.serving.args import ApiArgs
from cluster.serving.config import ledger_args, serve_config
from cluster.settings import Settings
from cluster.specs.catalog import Catalog
from cluster.specs.prices import load_prices
from cluster.specs.profile import ProfileSpec
from cluster.specs.providers import load_providers

# Making another form of the weights takes seconds for a small model and minutes for a large one.
PREPARE_S = 1800


def make_launch(profile: ProfileSpec, settings: Settings, home: Home, report: Callable[[str], None]) -> Launch:
    """Raises ConfigError when the profile does not fit this machine, EngineError when weights cannot be prepared."""
    report("planning")
    providers = load_providers(home.providers if home.providers.exists() else PROVIDERS)
    prices = load_prices(home.prices if home.prices.exists() else PRICES)
    plan = plan_for_this_machine(profile, home)
    prepare(plan, home, report)
    residents = plan.resident_models()
    api = ApiArgs(settings=settings, models=tuple(plan.statuses()), providers=providers, prices=prices)
    return Launch(
        profile=profile.name,
        settings=settings,
        num_cpus=settings.ray.num_cpus or len(os.sched_getaffinity(0)),
        gpus=tuple(device.uuid or device.id.removeprefix("gpu-") for device in plan.devices if device.is_gpu),
        memory_bytes=sum(device.memory_bytes for device in plan.devices if not device.is_gpu),
        turns=not all(model.pinned or model.resident for model in residents),
        serve_config=serve_config(plan.replica_specs(settings, home), residents, api, plan.devices),
        ledger=ledger_args(settings),
    )


def plan_for_this_machine(profile: ProfileSpec, home: Home) -> ResolvedPlan:
    """The plan of what is here and fits. Raises ConfigError when the profile declares GPUs that this machine does not have."""
    reader = NvmlReader()
    devices = profile_devices(profile, reader)
    declared, found = sum(device.is_gpu for device in devices), len(reader.devices())
    if declared > found:
        raise ConfigError(
            f"Profile '{profile.name}' needs {declared} GPU(s) and NVML sees {found}; `hearth plan --profile {profile.name}` shows the "
            "plan without them, and `hearth doctor` what this machine can run."
        )
    return resolve_plan(profile, Catalog.load(CATALOG, home.catalog), devices, home, only_here=True).check()


def prepare(plan: ResolvedPlan, home: Home, report: Callable[[str], None]) -> None:
    """Makes the forms of weights that engines serve and packages do not carry (once; a second call finds them)."""
    for source, target in plan.preparations(home):
        report(f"preparing {target.parent.name}")
        command = [sys.executable, "-m", "deployments.engines.onnx_export", str(source), str(target)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PREPARE_S, check=False)
        if done.returncode != 0:
            raise EngineError(f"Preparing {target.parent.name} failed: {done.stderr.strip()[-1000:]}")

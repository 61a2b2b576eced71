"""All checks, in the order a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from cluster.doctor.cards import check_cards
from cluster.doctor.finding import Finding, Level
from cluster.doctor.machine import check_machine
from cluster.doctor.packages import PACKAGES, check_packages, try_imports
from cluster.doctor.service import check_hub, check_leftovers, check_ports, check_weights
from cluster.errors import Conflict, EngineError
from cluster.hardware import Device, DeviceReader, profile_devices
from cluster.home import Home
from cluster.hub import Hub
from cluster.inventory import choose_variant, need_known
from cluster.settings import Settings
from cluster.specs.catalog import Catalog, EngineName
from cluster.specs.profile import ProfileSpec


def examine(profile: ProfileSpec, settings: Settings, catalog: Catalog, reader: DeviceReader, hub: Hub) -> Iterator[Finding]:
    """Findings as they are made; the slow ones (imports in a child process) come last."""
    home = Home(settings.home)
    devices = _devices(profile, reader)
    engines = engines_of(profile, catalog, devices)
    yield from check_machine(home, settings, needs_llama_cpp="llama_cpp" in engines)
    yield from check_ports(home, settings)
    yield check_leftovers(home)
    weights = list(check_weights(profile, catalog, devices, home))
    yield from weights
    yield check_hub(hub, settings, weights_missing=any(finding.level is not Level.OK for finding in weights))
    modules = [PACKAGES[engine][0] for engine in engines]
    has_cards = any(device.is_gpu for device in devices)
    imports = try_imports([*modules, *(["torch"] if has_cards and find_spec("torch") else [])])
    yield from check_packages(engines, imports)
    yield from check_cards(reader, imports, declared=sum(device.is_gpu for device in devices))


def _devices(profile: ProfileSpec, reader: DeviceReader) -> tuple[Device, ...]:
    try:
        return profile_devices(profile, reader)
    except EngineError:  # a broken driver is one finding among others, see check_cards
        return profile_devices(profile.model_copy(update={"devices": "cpu"}), reader)


def engines_of(profile: ProfileSpec, catalog: Catalog, devices: Sequence[Device]) -> list[EngineName]:
    """The engines the profile's models would run on here; a model that runs nowhere is left to the weights' check."""
    found: list[EngineName] = []
    for served, model in need_known(profile, catalog):
        try:
            found.append(choose_variant(model, devices, served).engine)
        except Conflict:
            continue
    return list(dict.fromkeys(found))

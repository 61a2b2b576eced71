"""An instance for the planner in a JSON file: devices and models with their budgets, no catalog and no hardware."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ByteSize, Field, field_validator, model_validator

from cluster.errors import ConfigError
from cluster.hardware import Device
from cluster.placement import Demand
from cluster.specs.loader import Spec, parse_spec

# Far beyond any card, and far from overflowing the planner's 64-bit sums.
MOST_BYTES = 2**50
MOST_PRIORITY = 10**6


class DeviceEntry(Spec):
    """A device as the file gives it. ``compute_capability`` null: a CPU."""

    id: str = Field(min_length=1)
    name: str
    memory_bytes: ByteSize = Field(gt=0, le=MOST_BYTES)
    compute_capability: str | None

    @field_validator("compute_capability", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, float) else value

    @field_validator("compute_capability")
    @classmethod
    def _two_numbers(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\d{1,3}\.\d{1,3}", value):
            raise ValueError("write it as two numbers in quotes, such as '6.1', or null for a CPU")
        return value


class ModelEntry(Spec):
    """A model as the file gives it; the budget is that of one replica."""

    id: str = Field(min_length=1)
    budget_bytes: ByteSize = Field(gt=0, le=MOST_BYTES)
    pinned: bool = False
    priority: int = Field(0, ge=-MOST_PRIORITY, le=MOST_PRIORITY)
    replicas: int = Field(1, ge=1, le=64)


class Instance(Spec):
    """The whole file."""

    devices: tuple[DeviceEntry, ...] = Field(min_length=1)
    models: tuple[ModelEntry, ...]

    @model_validator(mode="after")
    def _unique(self) -> Instance:
        for what, entries in (("devices", self.devices), ("models", self.models)):
            ids = [entry.id for entry in entries]
            twice = next((name for name in ids if ids.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"{what}: id '{twice}' is there twice")
        return self


def load_instance(path: Path) -> tuple[tuple[Device, ...], tuple[Demand, ...]]:
    """Devices and demands of the file. Models go to its GPUs; to its CPU only where it has no GPU. Raises ConfigError naming the key."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON ({error}).") from None
    instance = parse_spec(data, Instance, str(path))
    devices = tuple(Device(d.id, d.name, int(d.memory_bytes), d.compute_capability) for d in instance.devices)
    places = [device.id for device in devices if device.is_gpu] or [device.id for device in devices]
    demands = tuple(Demand(m.id, dict.fromkeys(places, int(m.budget_bytes)), m.pinned, m.priority, m.replicas) for m in instance.models)
    return devices, demands

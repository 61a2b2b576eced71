"""A profile: which models a machine serves, on which devices, with which settings. One YAML file in ``configs/profiles``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ByteSize, Field, field_validator

from cluster.specs.catalog import EngineName
from cluster.specs.loader import Spec, load_spec


class DeviceSpec(Spec):
    """A device as NVML would report it (a P40 with ECC on says 23040 MiB)."""

    name: str
    memory: ByteSize
    compute_capability: str = Field(description="For example '6.1'.")

    @field_validator("compute_capability")
    @classmethod
    def _two_numbers(cls, value: str) -> str:
        if not re.fullmatch(r"\d+\.\d+", value):
            raise ValueError("write it as two numbers in quotes, such as '6.1'")
        return value


class ServedModel(Spec):
    """One model of the profile. ``pinned`` models are always resident; the others take turns by priority and use."""

    model: str = Field(description="Id in the catalog.")
    pinned: bool = False
    priority: int = Field(0, ge=-(10**6), le=10**6, description="Higher stays resident before lower; 0 is loaded when asked for.")
    replicas: int = Field(1, ge=1, description="Copies, each with its own budget.")
    context_tokens: int | None = Field(
        None, ge=64, description="Tokens of context of one sequence; by default the model's own, at most 8192."
    )
    parallel: int = Field(4, ge=1, le=256, description="Sequences generated at once.")
    batch_tokens: int | None = Field(
        None,
        ge=16,
        le=2**20,
        description="Tokens in a batch of an embedding model, padding included; by default what its engine takes for best.",
    )
    engine: EngineName | None = Field(None, description="Force an engine; by default the best for the card.")
    quantization: str | None = Field(None, description="Force a quantisation among the catalog's variants.")
    budget: ByteSize | None = Field(None, description="Force the memory budget; by default estimated, then measured.")
    adapters: dict[str, Path] = Field(default_factory=dict, description="LoRA adapters by name; served as <model>:<name>.")
    adapter_room: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Adapters of organisations that vLLM holds at once; their room costs memory whether they are there or not. By default "
        "2, and none for a mixture of experts. llama.cpp makes no room beforehand, and holds `adapters.loaded`.",
    )
    adapter_rank: Literal[8, 16, 32, 64, 128, 256] = Field(64, description="Highest rank of an adapter that vLLM takes.")
    pace_tokens_per_s: float | None = Field(
        None,
        gt=0,
        description="Tokens a second that each stream gets at most: stands in for a slower card in measurements.",
    )


class ProfileSpec(Spec):
    """The whole file. ``devices: auto`` asks NVML; ``cpu`` means no GPU is used; a list declares them."""

    name: str
    description: str
    devices: Literal["auto", "cpu"] | tuple[DeviceSpec, ...] = "auto"
    cpu_memory: ByteSize | None = Field(None, description="Memory models on the CPU may use in all; by default half of the machine's.")
    device_reserve: ByteSize = Field(ByteSize(512 * 2**20), description="Bytes of each GPU left for the driver and other programs.")
    models: tuple[ServedModel, ...] = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict, description="Settings of this profile (see docs of settings).")

    @field_validator("models")
    @classmethod
    def _once(cls, models: tuple[ServedModel, ...]) -> tuple[ServedModel, ...]:
        seen: set[str] = set()
        for served in models:
            if served.model in seen:
                raise ValueError(f"model '{served.model}' is listed twice; use 'replicas'")
            seen.add(served.model)
        return models


def load_profile(name_or_path: str, folder: Path) -> ProfileSpec:
    """A profile by name (in ``folder``) or by the path of a YAML file."""
    path = Path(name_or_path)
    return load_spec(path if path.suffix in {".yaml", ".yml"} else folder / f"{name_or_path}.yaml", ProfileSpec)

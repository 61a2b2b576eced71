"""One model of a profile after planning: what it is, how and where it runs, what it costs, and what the rest of Hearth is told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cluster.contracts.models import ModelKind, ModelState, ModelStatus, Reading
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.engines import EngineChoice
from cluster.hardware import Device
from cluster.home import Home
from cluster.learning.adapters.manifest import manifest_path
from cluster.measurements import Measurement, MeasurementKey
from cluster.placement import Placement, Rejected
from cluster.settings import Settings
from cluster.specs.catalog import EngineName, ModelSpec
from cluster.specs.profile import ServedModel
from cluster.vram.adapters import AdapterRoom
from cluster.vram.estimate import Estimate
from cluster.weights import Inspection, prepared

# Seconds before the first byte of weights is read, on a small machine: imports and start-up. Replaced by the first measured load.
START_S: dict[EngineName, float] = {
    "llama_cpp": 1.0,
    "vllm": 60.0,
    "onnx_embedding": 2.0,
    "sentence_transformers": 12.0,
    "cross_encoder": 12.0,
    "open_clip": 12.0,
    "rapidocr": 3.0,
    "faster_whisper": 3.0,
}
# Bytes a second from a SATA SSD, the slowest disk worth planning for.
READ_RATE = 500e6
# Engines that serve a form of the weights that is made once on this machine (deployments/engines/onnx_export.py).
PREPARED: frozenset[EngineName] = frozenset({"onnx_embedding"})


@dataclass(frozen=True, slots=True)
class Need:
    """What one replica needs on one device. ``basis`` says where the budget comes from."""

    device: Device
    choice: EngineChoice
    estimate: Estimate
    measured: Measurement | None
    budget_bytes: int
    basis: str
    weights: Inspection
    adapters: AdapterRoom


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """``need`` is that of the device it was placed on (or comes nearest to); None when no device can run it, or nothing was planned for
    it because its weights are not here. ``unplanned`` says why there are neither placements nor a rejection."""

    spec: ModelSpec
    served: ServedModel
    context_tokens: int | None
    need: Need | None
    placements: tuple[Placement, ...] = ()
    rejected: Rejected | None = None
    unplanned: str = ""

    @property
    def path(self) -> Path | None:
        """The weights on this machine, or None when they have to be pulled."""
        return self.need.weights.path if self.need else None

    @property
    def servable(self) -> bool:
        """Its weights are here and it has a place."""
        return self.path is not None and bool(self.placements)

    @property
    def reason(self) -> str:
        """Why this engine and place, or what to do to get it into service."""
        if self.need is None or self.rejected is not None:
            return self.rejected.reason if self.rejected else self.unplanned
        planned = "; ".join([self.need.choice.reason, *(p.reason for p in self.placements[:1]), self.need.basis])
        return planned if self.path else f"{self.need.weights.reason} Planned: {planned}"

    def replica_spec(self, settings: Settings, home: Home) -> ReplicaSpec:
        """For a servable model: what each of its replicas is told."""
        need, path = self.need, self.path
        assert need is not None, self.spec.id
        assert path is not None, self.spec.id
        variant = need.choice.variant
        made = prepared(self.spec, variant, home) if variant.engine in PREPARED else None
        return ReplicaSpec(
            model=self.spec.id,
            kind=self.spec.kind,
            engine=variant.engine,
            path=str(made or path),
            file=None if made else variant.file,
            quantization=variant.quantization,
            dtype=need.choice.dtype,
            device=need.choice.device,
            device_name=need.device.name,
            budget_bytes=need.budget_bytes,
            device_bytes=need.device.memory_bytes,
            context_tokens=self.context_tokens,
            parallel=sequences(self.served, self.spec),
            batch_tokens=self.served.batch_tokens if self.spec.kind is ModelKind.EMBEDDING else None,
            threads=self._threads(settings),
            max_queued=settings.limits.queued_requests,
            max_tasks=self._tasks(settings),
            max_image_pixels=settings.limits.image_pixels,
            max_audio_seconds=settings.limits.audio_seconds,
            capabilities=self.spec.capabilities,
            sampling=self.spec.sampling,
            adapters={name: str(file.expanduser().absolute()) for name, file in self.served.adapters.items()},
            adapters_file=str(manifest_path(home, self.spec.id)) if self.spec.kind is ModelKind.LLM else "",
            adapters_loaded=need.adapters.later if variant.engine == "vllm" else settings.adapters.loaded,
            adapter_rank=need.adapters.rank,
            adapters_idle_s=settings.adapters.idle_s,
            pace_tokens_per_s=self.served.pace_tokens_per_s,
            state_dir=str(home.state),
        )

    def resident_model(self) -> ResidentModel:
        """For a servable model: what residency knows of it."""
        assert self.need is not None, self.spec.id
        return ResidentModel(
            model=self.spec.id,
            pinned=self.served.pinned,
            priority=self.served.priority,
            replicas=len(self.placements),
            num_gpus=max(placement.num_gpus for placement in self.placements),
            budget_bytes=self.need.budget_bytes,
            load_s=self._load_s(self.need),
            resident=all(placement.resident for placement in self.placements),
        )

    def status(self) -> ModelStatus:
        """For people and for /v1/models; READY stands for "can be served"."""
        placed = self.placements or self.path is None
        state = ModelState.REJECTED if self.rejected or not placed else ModelState.READY if self.servable else ModelState.NOT_PULLED
        need = self.need
        return ModelStatus(
            id=self.spec.id,
            kind=self.spec.kind,
            state=state,
            capabilities=self.spec.capabilities,
            engine=need.choice.engine if need else self.spec.variants[0].engine,
            device=", ".join(dict.fromkeys(placement.device for placement in self.placements)),
            dtype=need.choice.dtype if need else "",
            budget_bytes=need.budget_bytes if need else 0,
            pinned=self.served.pinned,
            context_tokens=self.context_tokens,
            reason=self.reason,
            created=int(self.path.stat().st_mtime) if self.path else 0,
            owned_by=self.spec.owned_by,
            nano=self.spec.nano,
            adapters=tuple(self.served.adapters),
            reading=Reading(self.spec.reading.form, self.spec.reading.chars),
        )

    def _threads(self, settings: Settings) -> int:
        """All cores for generation, and for embeddings, which stand back behind it; half for the others, which share the machine."""
        cores = settings.ray.num_cpus or len(os.sched_getaffinity(0))
        return cores if self.spec.kind in {ModelKind.LLM, ModelKind.EMBEDDING} else max(1, cores // 2)

    def _tasks(self, settings: Settings) -> int | None:
        tasks = {
            ModelKind.CLIP: settings.limits.vision_tasks,
            ModelKind.OCR: settings.limits.vision_tasks,
            ModelKind.TRANSCRIPTION: settings.limits.audio_tasks,
        }
        return tasks.get(self.spec.kind)

    @staticmethod
    def _load_s(need: Need) -> float:
        if need.measured and need.measured.load_s is not None:
            return need.measured.load_s
        return round(START_S[need.choice.engine] + need.estimate.weights_bytes / READ_RATE, 1)


def sequences(served: ServedModel, spec: ModelSpec) -> int:
    """Sequences that one replica generates at once; 1 where nothing is generated token by token."""
    return served.parallel if spec.kind is ModelKind.LLM else 1


def measurement_key(
    served: ServedModel, spec: ModelSpec, choice: EngineChoice, context_tokens: int | None, device: Device
) -> MeasurementKey:
    """What ``MeasurementKey.of`` gives for the replica that will be planned so."""
    return MeasurementKey(
        model=spec.id,
        quantization=choice.variant.quantization,
        context_tokens=context_tokens or 0,
        parallel=sequences(served, spec),
        engine=choice.engine,
        device=device.name,
    )

"""What models really took on this machine: predicted and measured peak and load time, kept in HEARTH_HOME/state and used for the next plan.

One JSON file, replaced as a whole under a lock, so that many replicas may report at once and a crash leaves the old file or the new one.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError

FILE = "measurements.json"
# Over the measured peak: allocators fragment, and another request may be a little larger than any seen.
MARGIN, MARGIN_BYTES = 1.05, 64 * 2**20


@dataclass(frozen=True, slots=True)
class MeasurementKey:
    """What a figure holds for. ``device`` is the device's name, because equal cards measure alike."""

    model: str
    quantization: str | None
    context_tokens: int
    parallel: int
    engine: str
    device: str

    @classmethod
    def of(cls, spec: ReplicaSpec) -> MeasurementKey:
        """The key under which a replica records itself; planning looks under the same one."""
        return cls(spec.model, spec.quantization, spec.context_tokens or 0, spec.parallel, spec.engine, spec.device_name)

    def text(self) -> str:
        return "|".join(str(part) for part in asdict(self).values())


class Measurement(BaseModel):
    """``peak_bytes`` is the largest peak seen, None before the first; ``load_s`` the latest load. ``at`` is a Unix time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predicted_bytes: int = Field(ge=0)
    peak_bytes: int | None = Field(None, ge=0)
    load_s: float | None = Field(None, ge=0)
    samples: int = Field(0, ge=0)
    at: float = 0.0

    @property
    def budget_bytes(self) -> int | None:
        """The measured peak with its margin."""
        return None if self.peak_bytes is None else int(self.peak_bytes * MARGIN) + MARGIN_BYTES


def record_replica(spec: ReplicaSpec, peak_bytes: int | None, load_s: float | None = None) -> None:
    """What a replica reports of itself: after its load, and whenever it has seen a higher peak. Nothing is kept without a state folder."""
    if spec.state_dir:
        Measurements(Path(spec.state_dir)).record(MeasurementKey.of(spec), spec.budget_bytes, peak_bytes, load_s)


class _Book(BaseModel):
    model_config = ConfigDict(extra="forbid")

    measurements: dict[str, Measurement] = Field(default_factory=dict)


class Measurements:
    """The measurements of one machine. Safe to use from many processes; nothing is created before the first record."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = folder / f"{FILE}.lock"

    def get(self, key: MeasurementKey) -> Measurement | None:
        return self._read().measurements.get(key.text())

    def record(self, key: MeasurementKey, predicted_bytes: int, peak_bytes: int | None = None, load_s: float | None = None) -> Measurement:
        """Adds one observation and returns what is now known."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock):
            book = self._read()
            old = book.measurements.get(key.text())
            peaks = [peak for peak in (peak_bytes, old.peak_bytes if old else None) if peak is not None]
            merged = Measurement(
                predicted_bytes=predicted_bytes,
                peak_bytes=max(peaks, default=None),
                load_s=load_s if load_s is not None else (old.load_s if old else None),
                samples=(old.samples if old else 0) + 1,
                at=time.time(),
            )
            book.measurements[key.text()] = merged
            self._write(book)
        return merged

    def _read(self) -> _Book:
        try:
            return _Book.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Book()
        except ValidationError:
            raise ConfigError(f"{self._path}: not readable as measurements; delete the file, and they are taken anew.") from None

    def _write(self, book: _Book) -> None:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(book.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)

"""Where a model's weights are on this machine, or why they are not. Nothing here reaches for the network or loads a weight.

Layout of pulled and prepared weights::

    HEARTH_HOME/models/<model id>/<variant key>/            what `hearth models pull` fetched
    HEARTH_HOME/models/<model id>/<variant key>/.complete.json   written last; without it the folder is a pull that was interrupted
    HEARTH_HOME/models/<model id>/prepared-<variant key>/   another form made from the weights on this machine (an ONNX export)
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError, field_validator

from cluster.errors import ConfigError
from cluster.home import REPOSITORY, Home
from cluster.specs.catalog import BundledSource, HubSource, ModelSpec, PackageSource, Variant
from cluster.specs.loader import Spec

RECORD = ".complete.json"


class WeightsState(StrEnum):
    """``here``: complete and usable. ``missing``: not on this machine. ``broken``: something is there, but not what was recorded."""

    HERE = "here"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Inspection:
    """``path`` is set exactly when the state is ``here``. ``reason`` is for people: where they are, or what to do. Sizes in bytes."""

    state: WeightsState
    path: Path | None
    size_bytes: int
    reason: str


class RecordedFile(Spec):
    """Size in bytes, SHA-256 in hex, both of the file's content as it was checked."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Completion(Spec):
    """The completion record of a pulled folder. ``origin`` says where the files came from, for people; ``files`` by relative POSIX path."""

    origin: str
    revision: str
    completed_at: str
    files: dict[str, RecordedFile] = Field(min_length=1)

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, RecordedFile]) -> dict[str, RecordedFile]:
        for name in files:
            if not is_inside(name):
                raise ValueError(f"'{name}' leaves the folder")
        return files


def is_inside(name: str) -> bool:
    """Whether ``name``, taken as a relative POSIX path, stays below the folder it is joined to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def variant_key(variant: Variant) -> str:
    """Folder name of a variant: readable, and different for different sources (so that a changed catalog never finds the old weights)."""
    digest = hashlib.sha256(variant.source.model_dump_json().encode()).hexdigest()[:8]
    form = re.sub(r"[^A-Za-z0-9_.-]+", "-", variant.quantization or "")
    return "-".join(part for part in (variant.engine, form, digest) if part)


def pulled(model: ModelSpec, variant: Variant, home: Home) -> Path:
    """The folder that a pull of this variant fills, whether or not it exists."""
    return home.models / model.id / variant_key(variant)


def prepared(model: ModelSpec, variant: Variant, home: Home) -> Path:
    """The folder for a form of the weights that is made on this machine, once, from :func:`locate`'s path; whether or not it exists."""
    return home.models / model.id / f"prepared-{variant_key(variant)}"


def locate(model: ModelSpec, variant: Variant, home: Home) -> Path | None:
    """The source's file or folder (``variant.file`` lies below it) when the weights are complete here, else None."""
    return inspect(model, variant, home).path


def inspect(model: ModelSpec, variant: Variant, home: Home) -> Inspection:
    """State, place and size of one variant's weights. Raises ConfigError when the catalog names a path outside the place it may name."""
    if variant.file is not None and not is_inside(variant.file):
        raise ConfigError(f"Model '{model.id}': file '{variant.file}' leaves its source; write a path below it.")
    source = variant.source
    if isinstance(source, HubSource):
        return _inspect_pulled(model, variant, home)
    if isinstance(source, PackageSource):
        return _inspect_package(model, variant, source)
    root = _bundled_path(model, source) if isinstance(source, BundledSource) else source.path.expanduser().absolute()
    return _inspect_place(model, variant, root)


def weight_files(root: Path) -> Iterator[Path]:
    """The files that carry weights below ``root`` (or ``root`` itself when it is a file): no Python code, no caches, nothing hidden."""
    if root.is_file():
        yield root
        return
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and path.suffix not in {".py", ".pyc", ".pyi"} and not any(part.startswith(".") for part in relative.parts):
            yield path


def _bundled_path(model: ModelSpec, source: BundledSource) -> Path:
    path = (REPOSITORY / source.path).resolve()
    if not is_inside(source.path) or not path.is_relative_to(REPOSITORY):
        raise ConfigError(
            f"Model '{model.id}': bundled path '{source.path}' leaves the repository; use kind 'path' for a folder elsewhere."
        )
    return path


def _inspect_place(model: ModelSpec, variant: Variant, root: Path) -> Inspection:
    if not root.exists():
        how = "restore it from the repository" if isinstance(variant.source, BundledSource) else "correct the path in the catalog"
        return _not_here(WeightsState.MISSING, f"{root} does not exist; {how}.")
    opened = root / variant.file if variant.file is not None and root.is_dir() else root
    if not opened.exists():
        return _not_here(WeightsState.BROKEN, f"{root} has no file '{variant.file}', which model '{model.id}' needs.")
    files = list(weight_files(opened))
    if not files or any(path.stat().st_size == 0 for path in files if path == opened):
        return _not_here(WeightsState.BROKEN, f"{opened} holds no weights.")
    return Inspection(WeightsState.HERE, root, sum(path.stat().st_size for path in files), f"at {root}")


def _inspect_package(model: ModelSpec, variant: Variant, source: PackageSource) -> Inspection:
    root = _package_folder(source.package)
    if root is None:
        return _not_here(
            WeightsState.MISSING,
            f"The Python package '{source.package}', which carries these weights, is not installed.",
        )
    found = _inspect_place(model, variant, root)
    return Inspection(found.state, found.path, found.size_bytes, f"in package {source.package}") if found.path else found


def _package_folder(package: str) -> Path | None:
    """Folder of a package by import name, not imported (``find_spec`` imports the parents of a dotted name, so those are walked)."""
    top, *below = package.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))).joinpath(*below)
    return folder if folder.is_dir() else None


def _inspect_pulled(model: ModelSpec, variant: Variant, home: Home) -> Inspection:
    root = pulled(model, variant, home)
    again = f"run `hearth models pull {model.id}`"
    if not (root / RECORD).is_file():
        begun = root.is_dir() and any(root.iterdir())
        what = "The pull was interrupted" if begun else "Not pulled"
        return _not_here(WeightsState.MISSING, f"{what}; {again} to {'resume it' if begun else 'fetch it'}.")
    try:
        record = Completion.model_validate_json((root / RECORD).read_bytes())
    except (ValidationError, OSError):
        return _not_here(WeightsState.BROKEN, f"{root / RECORD} cannot be read; {again}.")
    for name, file in record.files.items():
        path = root / name
        found = path.stat().st_size if path.is_file() else None
        if found != file.size:
            said = "is missing" if found is None else f"has {found} bytes instead of {file.size}"
            return _not_here(WeightsState.BROKEN, f"{path} {said}; {again}.")
    if variant.file is not None and not (root / variant.file).exists():
        return _not_here(WeightsState.BROKEN, f"{root} has no file '{variant.file}', which model '{model.id}' needs; {again}.")
    return Inspection(WeightsState.HERE, root, sum(file.size for file in record.files.values()), f"at {root}, from {record.origin}")


def _not_here(state: WeightsState, reason: str) -> Inspection:
    return Inspection(state, None, 0, reason)

"""Which models there are, which of them are on this machine, and which profile wants them: what `hearth models` shows and acts on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.engines import EngineChoice, choose_engine
from cluster.errors import Conflict, NotFound
from cluster.hardware import Device
from cluster.home import Home
from cluster.specs.catalog import Catalog, EngineName, ModelSpec, Variant
from cluster.specs.profile import ProfileSpec, ServedModel, load_profile
from cluster.weights import WeightsState, inspect


@dataclass(frozen=True, slots=True)
class VariantEntry:
    """One form of a model. ``size_bytes``: on disk when it is here, else what the catalog says (None: it does not say)."""

    engine: str
    quantization: str | None
    source: str
    state: str
    size_bytes: int | None
    path: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model. ``state`` is its variants' best: ``here``, ``broken``, ``not pulled``, ``not installed``. ``profiles``: who lists it."""

    id: str
    kind: str
    description: str
    license: str
    nano: bool
    state: str
    size_bytes: int | None
    profiles: tuple[str, ...]
    variants: tuple[VariantEntry, ...]


def inventory(catalog: Catalog, profiles: Iterable[ProfileSpec], home: Home) -> list[ModelEntry]:
    """Every model of the catalog, in order of id."""
    users: dict[str, list[str]] = {}
    for profile in profiles:
        for served in profile.models:
            users.setdefault(served.model, []).append(profile.name)
    return [_entry(model, tuple(users.get(model.id, ())), home) for model in catalog]


def all_profiles(folder: Path) -> list[ProfileSpec]:
    """Every profile of ``folder``, in order of name. Raises ConfigError for one that is wrong."""
    return [load_profile(str(path), folder) for path in sorted(folder.glob("*.yaml"))]


def choose_variant(
    model: ModelSpec,
    devices: Sequence[Device],
    served: ServedModel | None = None,
    engine: EngineName | None = None,
    quantization: str | None = None,
) -> Variant:
    """The variant that the first of ``devices`` able to run it would be given; ``served`` (its line in the profile) may force one.

    Raises Conflict with every device's reason when none can.
    """
    engine = engine or (served.engine if served else None)
    quantization = quantization or (served.quantization if served else None)
    refusals = []
    for device in devices:
        choice = choose_engine(model, device, engine, quantization)
        if isinstance(choice, EngineChoice):
            return choice.variant
        refusals.append(choice.reason)
    raise Conflict(f"No variant of '{model.id}' runs here: {'; '.join(dict.fromkeys(refusals))}")


def served_in(profile: ProfileSpec, model_id: str) -> ServedModel | None:
    """The model's line in the profile, or None."""
    return next((served for served in profile.models if served.model == model_id), None)


def need_known(profile: ProfileSpec, catalog: Catalog) -> list[tuple[ServedModel, ModelSpec]]:
    """The profile's models with their catalog entries, in the profile's order. Raises NotFound for one the catalog does not have."""
    try:
        return [(served, catalog.get(served.model)) for served in profile.models]
    except NotFound as error:
        raise type(error)(f"Profile '{profile.name}': {error.message}") from None


def _entry(model: ModelSpec, profiles: tuple[str, ...], home: Home) -> ModelEntry:
    variants = tuple(_variant_entry(model, variant, home) for variant in model.variants)
    here = [variant for variant in variants if variant.state == "here"]
    shown = here or sorted(variants, key=lambda variant: variant.state != "broken")
    # Variants that share a folder share its files.
    by_place = {variant.path or index: variant.size_bytes for index, variant in enumerate(here or variants)}
    sizes = [size for size in by_place.values() if size is not None]
    return ModelEntry(
        id=model.id,
        kind=model.kind.value,
        description=model.description,
        license=model.license,
        nano=model.nano,
        state=shown[0].state,
        size_bytes=(sum(sizes) if here else min(sizes)) if sizes else None,
        profiles=profiles,
        variants=variants,
    )


def _variant_entry(model: ModelSpec, variant: Variant, home: Home) -> VariantEntry:
    found = inspect(model, variant, home)
    stated = int(variant.weights) if variant.weights is not None else None
    return VariantEntry(
        engine=variant.engine,
        quantization=variant.quantization,
        source=variant.source.kind,
        state=_word(found.state, variant),
        size_bytes=found.size_bytes if found.path else stated,
        path=str(found.path) if found.path else None,
        reason=found.reason,
    )


def _word(state: WeightsState, variant: Variant) -> str:
    if state is not WeightsState.MISSING:
        return state.value
    return {"hub": "not pulled", "package": "not installed"}.get(variant.source.kind, "missing")

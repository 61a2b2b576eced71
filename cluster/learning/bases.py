"""The language model that an adapter is for, and what is here of it."""

from __future__ import annotations

from pathlib import Path

from cluster.contracts.models import ModelKind
from cluster.errors import Conflict, ModelNotFound, NotFound, Unprocessable
from cluster.home import CATALOG, Home
from cluster.specs.catalog import Catalog, ModelSpec, Variant
from cluster.weights import locate

Places = list[tuple[Variant, Path]]


def base_here(model: str, home: Home, param: str) -> tuple[ModelSpec, Places]:
    """With each form of its weights on this machine, of which there is one at least. Blocking. Raises ModelNotFound, Unprocessable for a
    model that is no language model, and Conflict where no weights are here, each about ``param``."""
    try:
        spec = Catalog.load(CATALOG, home.catalog).get(model)
    except NotFound as error:
        raise ModelNotFound(error.message).about(param) from None
    if spec.kind is not ModelKind.LLM:
        raise Unprocessable(f"'{model}' is of the kind {spec.kind}; adapters are for language models.").about(param)
    places = [(variant, path) for variant in spec.variants if (path := locate(spec, variant, home)) is not None]
    if not places:
        raise Conflict(f"The weights of '{model}' are not on this machine; run `hearth models pull {model}`.").about(param)
    return spec, places

"""Layers of settings, and what is said of a mistake in one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from cluster.errors import ConfigError
from cluster.settings.tree import Settings
from cluster.specs.loader import explain, nearest

PREFIX = "HEARTH_"
# Names of ours that processes hand to each other (see cluster/runtime); they are not settings.
INTERNAL = frozenset({"HEARTH_CLUSTER_MARK", "HEARTH_HAPROXY", "HEARTH_FORWARDED"})
Tree = dict[str, Any]
T = TypeVar("T")


def load_settings(
    profile: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from the layers given (``env`` None: this process's environment). Dotted keys in ``flags`` name nested settings.

    Raises ConfigError naming the layer, the key and the nearest valid key.
    """
    layers = (
        ("profile", dict(profile or {})),
        ("environment", _from_env(os.environ if env is None else env)),
        ("flags", _nest((flags or {}).items(), ".")),
    )
    merged: Tree = {}
    for name, layer in layers:
        _validated(name, layer)  # each layer alone first, so that a mistake is blamed on the layer that made it
        merged = _merge(merged, layer)
    settings = _validated("settings", merged)
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def _validated(layer: str, tree: Tree) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(explain(error, Settings, layer)) from None


def _from_env(env: Mapping[str, str]) -> Tree:
    ours = {key: value for key, value in env.items() if key.startswith(PREFIX) and key not in INTERNAL}
    tops = set(Settings.model_fields)
    for key in ours:
        top = key.removeprefix(PREFIX).lower().split("__")[0]
        if top not in tops:
            hint = nearest(top, tops)
            raise ConfigError(f"environment: {key} is not a setting" + (f"; did you mean {PREFIX}{hint.upper()}?" if hint else "."))
    return _nest(((key.removeprefix(PREFIX).lower(), _read(value)) for key, value in ours.items()), "__")


def _read(value: str) -> Any:
    """Lists and objects are JSON, as pydantic-settings has it."""
    if value[:1] not in {"[", "{"}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # what is wrong with it is said by the setting


def _nest(items: Any, separator: str) -> Tree:
    tree: Tree = {}
    for key, value in items:
        if value is None:
            continue
        *parents, leaf = key.split(separator)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def _merge(below: Tree, above: Tree) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged

"""Reading YAML strictly: an unknown key, a bad unit or a missing file becomes one line naming file, key and the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from cluster.errors import ConfigError

SpecT = TypeVar("SpecT", bound="Spec")


class Spec(BaseModel):
    """Base of every YAML shape: unknown keys refused, values never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_spec(path: Path, shape: type[SpecT]) -> SpecT:
    """The YAML file at ``path`` as ``shape``. Raises ConfigError (one line) when it is missing, not YAML, or not of that shape."""
    return parse_spec(_read(path), shape, str(path))


def parse_spec(data: object, shape: type[SpecT], origin: str) -> SpecT:
    """``data`` (as YAML gives it) as ``shape``; ``origin`` is named in the error."""
    if not isinstance(data, dict):
        raise ConfigError(f"{origin}: expected a mapping of keys to values, found {type(data).__name__}.")
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, shape, origin)) from None


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like ``word``, or None when nothing is close."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


def explain(error: ValidationError, shape: type[BaseModel], origin: str) -> str:
    """The first mistake of ``error`` as one line: where, what, and the nearest valid key or value."""
    first = _most_telling(error.errors(include_url=False))
    where = ".".join(str(part) for part in first["loc"])
    return f"{origin}: {say(first, shape, where)}"


def _most_telling(mistakes: list[ErrorDetails]) -> ErrorDetails:
    """The first mistake. Where a value may have several shapes there is one for each: the one that got furthest into the value counts,
    and the name of the shape, which pydantic puts into the place, is left out."""
    top = mistakes[0]["loc"][:1]
    first = max((mistake for mistake in mistakes if mistake["loc"][:1] == top), key=lambda mistake: len(mistake["loc"]))
    first = first if any(_is_shape(part) for part in first["loc"]) else mistakes[0]
    return {**first, "loc": tuple(part for part in first["loc"] if not _is_shape(part))}


def _is_shape(part: int | str) -> bool:
    return isinstance(part, str) and "[" in part


def say(first: ErrorDetails, shape: type[BaseModel], where: str) -> str:
    """One mistake of pydantic's as a sentence. ``shape`` is what its ``loc`` leads through, ``where`` how the place is called."""
    if first["type"] == "extra_forbidden":
        *parents, key = first["loc"]
        hint = nearest(str(key), _keys_at(shape, parents))
        return f"unknown key '{where}'" + (f"; did you mean '{hint}'?" if hint else ".")
    if first["type"] == "missing":
        return f"key '{where}' is missing."
    if first["type"] in {"literal_error", "enum"}:
        expected = str(first.get("ctx", {}).get("expected", ""))
        return f"'{where}' is {first['input']!r}; choose {expected}."
    if first["type"].startswith("byte_size"):
        return f"'{where}' is {first['input']!r}; write a size with a unit, such as '512 MiB' or '23040 MiB'."
    return f"'{where}': {first['msg']} (found {first['input']!r})."


def _keys_at(shape: type[BaseModel], parents: Iterable[int | str]) -> list[str]:
    current: Any = shape
    for part in parents:
        models = _models_in(current.model_fields[part].annotation) if isinstance(part, str) and part in current.model_fields else []
        if models:
            current = models[0]
    return list(current.model_fields)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _read(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        siblings = [sibling.stem for sibling in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = nearest(path.stem, siblings)
        choice = f"; did you mean '{hint}'?" if hint else (f"; there are {', '.join(sorted(siblings))}." if siblings else ".")
        raise ConfigError(f"{path}: no such file{choice}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}: not valid YAML{place}.") from None

"""What makes a change of the box last: a file for each profile in ``HEARTH_HOME/optimised``, which `up` and `plan` lay over the profile.

The owner may read it, and delete it: then all is as the profile says from the next start on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cluster.errors import ConfigError
from cluster.home import Home
from cluster.leases import write_durably
from cluster.optimising.change import ServedChange, TunedField
from cluster.specs.loader import parse_spec
from cluster.specs.profile import ProfileSpec


class Override(BaseModel):
    """``was``: what was in force before; None: nothing was said. ``by``: the optimisation that measured it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    field: TunedField
    value: int | bool
    was: int | bool | None
    by: str
    at: datetime

    def __str__(self) -> str:
        was = "by default" if self.was is None else f"was {self.was}"
        return f"{self.model}: {self.field} is {self.value} ({was}), by optimisation {self.by} of {self.at:%Y-%m-%d}"


_FILE = TypeAdapter(tuple[Override, ...])


@dataclass(frozen=True, slots=True)
class Overrides:
    """Of the profile called ``profile``. Every change is on the disk before the method returns."""

    home: Home
    profile: str

    @property
    def path(self) -> Path:
        return self.home.optimised / f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.profile)}.json"

    def all(self) -> Sequence[Override]:
        """Raises ConfigError for a file that cannot be read as such."""
        try:
            return _FILE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except ValidationError:
            raise ConfigError(f"{self.path}: not readable as optimisations; delete the file, and all is as the profile says.") from None

    def put(self, override: Override) -> None:
        """In place of another one of the same model and field."""
        with self._locked():
            self._write((*(one for one in self.all() if not _same(one, override.model, override.field)), override))

    def restore(self, change: ServedChange, earlier: Override | None) -> None:
        """As it was before ``change``: with the override that stood there, or with none."""
        with self._locked():
            others = tuple(one for one in self.all() if not _same(one, change.model, change.field))
            self._write((*others, earlier) if earlier is not None else others)

    def find(self, model: str, field: TunedField) -> Override | None:
        return next((one for one in self.all() if _same(one, model, field)), None)

    def _locked(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_suffix(".lock"))

    def _write(self, overrides: Sequence[Override]) -> None:
        write_durably(self.path, _FILE.dump_json(tuple(overrides), indent=1))


def overlaid(profile: ProfileSpec, home: Home) -> ProfileSpec:
    """The profile as it is in force: with what was found to be better. What is about models that it no longer has counts for nothing."""
    return with_values(profile, {(one.model, one.field): one.value for one in Overrides(home, profile.name).all()})


def with_values(profile: ProfileSpec, values: dict[tuple[str, TunedField], int | bool | None]) -> ProfileSpec:
    """The same profile with other ``values`` of fields of models. Raises ConfigError for a value that the profile could not have."""
    if not values:
        return profile
    told = profile.model_dump(mode="json", exclude_unset=True)
    for served in told["models"]:
        served.update({field: value for (model, field), value in values.items() if model == served["model"]})
    return parse_spec(told, ProfileSpec, f"profile {profile.name} with optimisations")


def _same(one: Override, model: str, field: TunedField) -> bool:
    return (one.model, one.field) == (model, field)

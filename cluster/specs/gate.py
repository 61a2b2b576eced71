"""What an adapter has to pass: one YAML file for each gate, in ``configs/gates`` or the owner's ``gates`` folder in HEARTH_HOME.

A gate has a name and a version, which every verdict repeats. Its own sets of items are files in the folder ``sets`` beside it, one
``Example`` (cluster/learning/example.py) to a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from cluster.errors import ConfigError, NotFound
from cluster.home import REPOSITORY
from cluster.specs.loader import Spec, load_spec, nearest

GATES = REPOSITORY / "configs" / "gates"
DEFAULT = "default"

Metric = Literal["exact", "token_f1", "json_f1", "contains", "refuses"]
Role = Literal["task", "regression", "safety"]
# Marks of answers that refuse, in small letters; the first is what hearth-nano was trained to say.
REFUSALS = (
    "the passage does not say",
    "i can only answer questions about",
    "i can't",
    "i cannot",
    "i can not",
    "i'm not able to",
    "i am not able to",
    "i won't",
    "i will not",
    "i'm unable to",
    "i am unable to",
    "i'm sorry",
    "i am sorry",
)


class MarkingSpec(Spec):
    """How answers are marked, each from 0 to 1. ``exact``: the same text; ``token_f1``: the words they share; ``json_f1``: the fields
    they share; ``contains``: the expected text stands in it; ``refuses``: it refuses where the expected answer does, and only there."""

    metric: Metric = Field("exact", description="How an answer is marked.")
    by_task: dict[str, Metric] = Field(default_factory=dict, description="Metric of items of a task, where it is another one.")
    refusals: list[str] = Field(
        default_factory=lambda: list(REFUSALS), min_length=1, description="An answer refuses if one of these stands in it."
    )


class GateSetSpec(MarkingSpec):
    """One set of items that both models are asked."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="As reports call it.")
    role: Role = Field(
        description="`task`: what was trained, where it must be better; `regression`, `safety`: elsewhere, where it must not be worse."
    )
    file: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.jsonl$", description="In the folder `sets`; only the task has none: it is given."
    )
    tolerance: float = Field(
        0.0, ge=0, lt=1, description="Loss of the mean mark that is borne, 0.03 is three points; only elsewhere than in the task."
    )
    minimum: int = Field(50, ge=2, description="Fewest items from which anything is concluded.")
    most: int = Field(1000, ge=2, description="Most items that are asked; of more, those that the seed chooses.")
    least: float | None = Field(None, ge=0, le=1, description="Mean mark under which the candidate is refused, whatever the other has.")

    @model_validator(mode="after")
    def _sensible(self) -> GateSetSpec:
        if (self.role == "task") != (self.file is None):
            raise ValueError("the task's items are given with the candidate, so it has no 'file'; every other set has one")
        if (self.role == "task") == (self.tolerance > 0):
            raise ValueError("'tolerance' is more than 0 for every set but the task, which has none")
        if self.most < self.minimum:
            raise ValueError(f"'most' ({self.most}) is less than 'minimum' ({self.minimum})")
        return self


class GateSpec(Spec):
    """One gate."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Also the name of its file.")
    version: int = Field(ge=1, description="Counted up with every change.")
    description: str = Field(max_length=500, description="When to choose it.")
    confidence: float = Field(
        0.95, ge=0.5, lt=1, description="Of the intervals; half of what is left is the chance of each kind of wrong conclusion."
    )
    resamples: int = Field(10_000, ge=1000, le=1_000_000, description="Sets that the bootstrap draws.")
    seed: int = Field(17, ge=0, le=2**32 - 1, description="Of all that is drawn; the same seed and answers give the same verdict.")
    answer_tokens: int = Field(256, ge=1, le=32_768, description="Longest answer to an item, in tokens.")
    sets: list[GateSetSpec] = Field(min_length=2, description="One task, and at least one set elsewhere.")

    @model_validator(mode="after")
    def _one_task(self) -> GateSpec:
        names = [one.name for one in self.sets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sets are called '{twice}'")
        if [one.role for one in self.sets].count("task") != 1:
            raise ValueError("exactly one set has the role 'task'")
        return self

    @property
    def title(self) -> str:
        """Name and version, as in ``default@1``."""
        return f"{self.name}@{self.version}"

    @property
    def task(self) -> GateSetSpec:
        return next(one for one in self.sets if one.role == "task")


class Gates:
    """All gates by name. Iteration is in order of name."""

    def __init__(self, specs: dict[str, tuple[GateSpec, Path]]) -> None:
        self._specs = dict(sorted(specs.items()))

    @classmethod
    def load(cls, *folders: Path) -> Gates:
        """Every ``*.yaml`` of ``folders``; of two with one name the later folder's counts. Raises ConfigError, one line."""
        specs: dict[str, tuple[GateSpec, Path]] = {}
        for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
            spec = load_spec(path, GateSpec)
            if path.stem != spec.name:
                raise ConfigError(f"{path}: the name is '{spec.name}'; name the file {spec.name}.yaml.")
            for one in spec.sets:
                if one.file is not None and not (path.parent / "sets" / one.file).is_file():
                    raise ConfigError(f"{path}: there is no file {path.parent / 'sets' / one.file}, which the set '{one.name}' names.")
            specs[spec.name] = (spec, path.parent / "sets")
        return cls(specs)

    def get(self, name: str) -> GateSpec:
        """Raises NotFound naming the nearest."""
        return self._found(name)[0]

    def folder(self, name: str) -> Path:
        """Where the files of its sets are. Raises NotFound."""
        return self._found(name)[1]

    def _found(self, name: str) -> tuple[GateSpec, Path]:
        if name not in self._specs:
            hint = nearest(name, self._specs)
            choice = f"did you mean '{hint}'?" if hint else f"there are {', '.join(self._specs)}."
            raise NotFound(f"There is no gate of that name; {choice}")
        return self._specs[name]

    def __iter__(self) -> Iterator[GateSpec]:
        return iter(spec for spec, _ in self._specs.values())


@cache
def gates(home: Path) -> Gates:
    """Ours and those of the owner of ``home``, read once in a process."""
    return Gates.load(GATES, home / "gates")

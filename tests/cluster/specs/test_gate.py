from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.errors import ConfigError, NotFound
from cluster.learning.gate.sets import read_items
from cluster.specs.gate import GATES, Gates

TASK = {"name": "task", "role": "task"}
OLD: dict[str, Any] = {"name": "old", "role": "regression", "file": "old.jsonl", "tolerance": 0.03}
OWN: dict[str, Any] = {
    "name": "own",
    "version": 1,
    "description": "",
    "sets": [TASK, OLD],
}


def written(folder: Path, told: dict[str, Any], items: str = "old.jsonl") -> Path:
    (folder / "sets").mkdir(exist_ok=True)
    (folder / "sets" / items).touch()
    (folder / "own.yaml").write_text(yaml.safe_dump(told))
    return folder


def test_every_gate_that_comes_with_hearth_loads_and_its_sets_have_the_items_they_need():
    shipped = Gates.load(GATES)
    assert "default" in {spec.name for spec in shipped}
    for spec in shipped:
        for one in spec.sets:
            if one.file is None:
                continue
            found = read_items(shipped.folder(spec.name) / one.file, one.most, spec.seed)
            assert len(found.items) >= one.minimum, f"{spec.name}: {one.name}"
            assert len({str(item.messages) for item in found.items}) == len(found.items), "an item that stands twice counts twice"
            assert len(found.items) > 3.7 / one.tolerance, "else nothing that is as good as before could pass"


def test_the_owners_gate_takes_the_place_of_ours(tmp_path):
    gates = Gates.load(GATES, written(tmp_path, OWN))
    assert gates.get("own").title == "own@1"
    assert gates.get("own").task.name == "task"
    assert gates.folder("own") == tmp_path / "sets"
    assert gates.folder("default") == GATES / "sets"
    with pytest.raises(NotFound, match="did you mean 'default'"):
        gates.get("defaults")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "other"}, "name the file other.yaml"),
        ({"sets": [TASK, TASK]}, "two sets are called 'task'"),
        ({"sets": [OLD, {**OLD, "name": "b"}]}, "exactly one set has the role 'task'"),
        ({"sets": [TASK, {**OLD, "tolerance": 0}]}, "'tolerance' is more than 0"),
        ({"sets": [TASK, {**OLD, "file": None}]}, "every other set has one"),
        ({"sets": [TASK, {**OLD, "file": "../keys.jsonl"}]}, "pattern"),
        ({"sets": [TASK, {**OLD, "file": "gone.jsonl"}]}, "there is no file .*gone.jsonl"),
        ({"sets": [TASK, {**OLD, "minimum": 50, "most": 40}]}, "less than 'minimum'"),
        ({"sets": [TASK, {**OLD, "metrik": "exact"}]}, "did you mean 'metric'"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused_with_what_to_do(tmp_path, change, told):
    with pytest.raises(ConfigError, match=told):
        Gates.load(written(tmp_path, {**OWN, **change}))

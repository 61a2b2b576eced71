from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import Unavailable
from cluster.generations import Generations, own


def made(generations: Generations, text: str) -> Path:
    path = generations.begin()
    path.mkdir()
    (path / "file").write_text(text)
    return path


def test_a_generation_counts_once_it_is_published(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "index")
    first = made(generations, "first")
    assert generations.current is None
    generations.publish(first)
    assert Generations(tmp_path / "index").current == first
    second = made(generations, "second")
    assert Generations(tmp_path / "index").current == first
    generations.publish(second)
    assert Generations(tmp_path / "index").current == second


def test_a_sweep_leaves_the_one_that_counts(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.publish(made(generations, "first"))
    made(generations, "what a crash left")
    generations.sweep()
    assert [path.name for path in tmp_path.glob("g*")] == ["g000001"]
    assert generations.begin().name == "g000002"


def test_a_folder_has_one_owner_until_it_lets_go(tmp_path: Path) -> None:
    lock = own(tmp_path / "index", 0)
    with pytest.raises(Unavailable, match="Another process owns the index"):
        own(tmp_path / "index", 0)
    lock.release()
    own(tmp_path / "index", 0).release()

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ConfigError, NotFound
from cluster.graphs.library import GraphLibrary, graph_library
from cluster.home import GRAPHS

MIB = 2**20
GRAPH = "name: {name}\nversion: {version}\noutput: {{a: '1'}}\nstart: a\nnodes:\n  a: {{kind: join}}\n"


def folder(path: Path, *names: str, version: int = 1) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / f"{name}.yaml").write_text(GRAPH.format(name=name, version=version))
    return path


def test_graphs_are_found_by_name_in_order(tmp_path):
    library = GraphLibrary.load(folder(tmp_path / "ours", "b", "a"), most_bytes=MIB)
    assert [spec.name for spec in library] == ["a", "b"]
    assert library.get("a").name == "a"
    assert "a" in library
    assert len(library) == 2


def test_of_two_with_one_name_the_owners_counts(tmp_path):
    library = GraphLibrary.load(folder(tmp_path / "ours", "a"), folder(tmp_path / "own", "a", version=7), most_bytes=MIB)
    assert library.get("a").version == 7


def test_a_version_that_the_library_does_not_have_is_said_to(tmp_path):
    library = GraphLibrary.load(folder(tmp_path / "ours", "answer", version=2), most_bytes=MIB)
    assert library.get("answer@2").version == 2
    with pytest.raises(NotFound, match="in the library as version 2"):
        library.get("answer@1")
    with pytest.raises(NotFound, match="no graph 'answr' in the library; did you mean 'answer'"):
        library.get("answr")


def test_a_file_is_named_as_its_graph(tmp_path):
    (folder(tmp_path / "ours") / "other.yaml").write_text(GRAPH.format(name="a", version=1))
    with pytest.raises(ConfigError, match=r"the name is 'a'; name the file a\.yaml"):
        GraphLibrary.load(tmp_path / "ours", most_bytes=MIB)


def test_a_file_with_a_mistake_is_named_with_its_line(tmp_path):
    (folder(tmp_path / "ours") / "a.yaml").write_text(GRAPH.format(name="a", version=1) + "limts: {}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml:7: unknown key 'limts'"):
        GraphLibrary.load(tmp_path / "ours", most_bytes=MIB)
    (tmp_path / "ours" / "a.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        GraphLibrary.load(tmp_path / "ours", most_bytes=MIB)
    (tmp_path / "ours" / "a.yaml").write_text("#" * 2000)
    with pytest.raises(ConfigError, match=r"graphs\.spec_bytes"):
        GraphLibrary.load(tmp_path / "ours", most_bytes=1024)


def test_the_library_of_a_home_has_ours_and_its_own(tmp_path):
    folder(tmp_path / "graphs", "mine")
    library = graph_library(tmp_path, MIB)
    assert {"mine", *(path.stem for path in GRAPHS.glob("*.yaml"))} == {spec.name for spec in library}
    assert library.file("mine").text.startswith("name: mine")

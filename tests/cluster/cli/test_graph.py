from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cluster.cli.graph import graph_app
from cluster.errors import ConfigError, NotFound
from cluster.home import GRAPHS

GOOD = "name: good\noutput: {a: state.a}\nstart: a\nnodes:\n  a: {kind: llm, user: hello}\n"


@pytest.fixture
def hearth_graph(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))

    def run(*arguments: str):
        result = CliRunner().invoke(graph_app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def own(tmp_path):
    (tmp_path / "home" / "graphs").mkdir(parents=True)
    path = tmp_path / "home" / "graphs" / "good.yaml"
    path.write_text(GOOD)
    return path


def test_the_list_has_ours_and_the_owners(hearth_graph, own):
    listed = json.loads(hearth_graph("list", "--json").stdout)["graphs"]
    assert {one["name"] for one in listed} == {"good", *(path.stem for path in GRAPHS.glob("*.yaml"))}
    shown = hearth_graph("list")
    assert "Answer from documents" in shown.stdout
    assert str(own) in shown.stdout


def test_the_whole_library_is_checked_where_nothing_is_named(hearth_graph):
    result = hearth_graph("check")
    assert (result.exit_code, result.stdout) == (0, "Nothing is wrong.\n")


def test_every_mistake_is_told_with_file_and_line(hearth_graph, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.replace("hello", "'{{ state.b }}'").replace("good", "bad") + "  c: {kind: join}\n")
    result = hearth_graph("check", str(bad))
    assert result.exit_code == 1
    assert f"{bad}:5: node 'a': no node writes 'state.b'" in result.stderr
    assert f"{bad}:6: node 'c': no way leads to it" in result.stderr
    assert result.stdout == "2 errors, 1 warning.\n"


def test_a_file_that_is_no_graph_is_told_as_other_mistakes_are(hearth_graph, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD + "  b: {kind: lllm}\nlimts: {}\n")
    result = hearth_graph("check", str(bad), "--json")
    assert result.exit_code == 1
    assert [one["message"].split(": ", 1)[1] for one in json.loads(result.stdout)["findings"]] == [
        "node 'b': there is no kind 'lllm'; did you mean 'llm'?",
        "unknown key 'limts'; did you mean 'limits'?",
    ]


def test_warnings_alone_are_no_failure(hearth_graph, tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(GOOD.replace("hello}", "hello, then: b}") + "  b: {kind: join}\n")
    result = hearth_graph("check", str(path))
    assert (result.exit_code, result.stdout) == (0, "1 warning.\n")


def test_a_graph_is_drawn_as_text_and_as_a_picture(hearth_graph, own, tmp_path):
    assert hearth_graph("draw", "good").stdout.startswith("flowchart TD\n")
    assert hearth_graph("draw", str(own)).stdout == hearth_graph("draw", "good").stdout
    result = hearth_graph("draw", "good", "--png", str(tmp_path / "good.png"))
    assert "shows good, version 1" in result.stdout
    assert (tmp_path / "good.png").read_bytes().startswith(b"\x89PNG")


def test_a_graph_that_is_not_there_is_named_with_the_nearest(hearth_graph, own):
    with pytest.raises(NotFound, match="did you mean 'good'"):
        hearth_graph("draw", "goood")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        hearth_graph("draw", "nowhere.yaml")

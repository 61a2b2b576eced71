"""The ways to search that are in configs/retrieval, and those of an owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ConfigError, NotFound
from cluster.specs.retrieval import DEFAULT, RETRIEVAL, RetrievalSettings, retrieval_settings


def test_every_file_is_a_way_to_search():
    names = [spec.name for spec in RetrievalSettings.load(RETRIEVAL)]
    assert names == sorted(path.stem for path in RETRIEVAL.iterdir())
    assert {DEFAULT, "reranked", "keywords", "semantic"} <= set(names)


def test_an_owner_s_own_stand_beside_ours_and_before_them(tmp_path):
    folder = tmp_path / "retrieval"
    folder.mkdir()
    (folder / "default.yaml").write_text("name: default\nversion: 7\ndescription: Mine.\n")
    (folder / "mine.yaml").write_text("name: mine\nversion: 1\ndescription: Mine too.\n")
    found = retrieval_settings(tmp_path)
    assert found.get("default").title == "default@7"
    assert found.get("mine").mode == "hybrid"
    assert found.get("keywords").mode == "sparse"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(NotFound, match="no retrieval settings of that name; did you mean 'keywords'"):
        RetrievalSettings.load(RETRIEVAL).get("keyword")
    with pytest.raises(NotFound, match="there are default, keywords, reranked, semantic"):
        RetrievalSettings.load(RETRIEVAL).get("zzz")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("limt: 3", "unknown key 'limt'; did you mean 'limit'"),
        ("mode: fuzzy", "'mode' is 'fuzzy'; choose"),
        ("limit: 0", "'limit'"),
        ("candidates: 3", "fewer than the limit"),
        ("rerank: {model: m, candidates: 2}", "raise 'rerank.candidates'"),
        ("rerank: {candidates: 20}", "'rerank.model' is missing"),
        ("name: other", "name the file own.yaml|name the file other.yaml"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, why: str):
    head = "" if text.startswith("name") else "name: own\n"
    (tmp_path / "own.yaml").write_text(f"{head}version: 1\ndescription: Mine.\n{text}\n")
    with pytest.raises(ConfigError, match=why):
        RetrievalSettings.load(tmp_path)

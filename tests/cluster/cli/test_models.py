"""The commands on the real catalog, with a home of their own and, where something is pulled, a hub on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.cli.models import models_app
from cluster.errors import BadInput, Conflict, ModelNotFound, NotFound
from cluster.fakes.hub import LocalHub
from cluster.home import CATALOG, Home
from cluster.specs.catalog import Catalog, HubSource, ModelSpec, Variant
from cluster.weights import locate, pulled

CONTENT = b"GGUF" + bytes(1000)


def hub_model() -> tuple[ModelSpec, Variant, HubSource]:
    """A model of the catalog that a CPU would get from the hub as one GGUF file."""
    for model in Catalog.load(CATALOG):
        variant = next((variant for variant in model.variants if variant.engine == "llama_cpp"), None)
        if variant and isinstance(variant.source, HubSource) and len(variant.source.files) == 1 and not variant.source.sha256:
            return model, variant, variant.source
    pytest.fail("the catalog has no such model")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    _, _, source = hub_model()
    with LocalHub({source.repo: {source.files[0]: CONTENT}}) as local:
        monkeypatch.setenv("HF_ENDPOINT", local.endpoint)
        yield local


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models_app, list(arguments), catch_exceptions=True)


def test_list_shows_every_model_with_kind_size_licence_and_users(home):
    result = run("list", "--json")
    listed = {entry["id"]: entry for entry in json.loads(result.output)["models"]}
    assert set(listed) == {model.id for model in Catalog.load(CATALOG)}
    minilm = listed["all-minilm-l6-v2"]
    assert (minilm["kind"], minilm["state"], minilm["license"]) == ("embedding", "here", "Apache-2.0")
    assert "laptop" in minilm["profiles"]
    assert listed["hearth-nano"]["nano"] is True
    assert listed[hub_model()[0].id]["state"] == "not pulled"


def test_list_is_readable_too(home):
    result = run("list")
    assert result.exit_code == 0
    assert "all-minilm-l6-v2" in result.output
    assert "not pulled" in result.output


def test_pull_fetches_the_variant_for_this_machine_and_remove_deletes_it(home, hub):
    model, variant, source = hub_model()
    result = run("pull", model.id)
    assert result.exit_code == 0, result.output
    assert model.id in result.output
    assert (pulled(model, variant, home) / source.files[0]).read_bytes() == CONTENT
    assert run("remove", model.id, "--yes").exit_code == 0
    assert locate(model, variant, home) is None


def test_pull_tells_a_program_where_the_weights_are(home, hub):
    model, variant, _ = hub_model()
    (line,) = json.loads(run("pull", model.id, "--json").stdout)["pulled"]
    assert line["path"] == str(pulled(model, variant, home))
    assert line["engine"] == "llama_cpp"


def test_pull_brings_weights_from_a_path(home, tmp_path):
    model, variant, source = hub_model()
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    assert run("pull", model.id, "--from", str(tmp_path / "mine.gguf"), "--link").exit_code == 0
    assert (pulled(model, variant, home) / source.files[0]).is_symlink()


def test_pulling_what_a_package_carries_says_that_there_is_nothing_to_do(home):
    result = run("pull", "all-minilm-l6-v2")
    assert result.exit_code == 0
    assert "in package" in result.output


def test_offline_refuses_to_pull(home, hub, monkeypatch):
    monkeypatch.setenv("HEARTH_OFFLINE", "true")
    result = run("pull", hub_model()[0].id)
    assert isinstance(result.exception, Conflict)
    assert hub.asked == []


def test_an_unknown_model_or_engine_names_the_nearest(home):
    assert "did you mean 'all-minilm-l6-v2'" in str(run("pull", "all-minilm-l6").exception)
    assert isinstance(run("remove", "all-minilm-l6", "--yes").exception, ModelNotFound)
    assert "did you mean 'llama_cpp'" in str(run("pull", hub_model()[0].id, "--engine", "llama-cpp").exception)


def test_a_repository_that_is_gone_is_named(home, hub):
    hub.repos.clear()
    model, _, source = hub_model()
    result = run("pull", model.id)
    assert isinstance(result.exception, NotFound)
    assert source.repo in str(result.exception)


@pytest.mark.parametrize(
    "arguments", [("pull", "--from", "."), ("pull", "all-minilm-l6-v2", "pp-ocrv6", "--from", "."), ("pull", "pp-ocrv6", "--link")]
)
def test_from_and_link_want_one_model_and_a_path(home, arguments):
    assert isinstance(run(*arguments).exception, BadInput)


def test_remove_asks_first(home, hub):
    model, variant, _ = hub_model()
    run("pull", model.id)
    refused = CliRunner().invoke(models_app, ["remove", model.id], input="n\n")
    assert refused.exit_code == 1
    assert locate(model, variant, home) is not None


def test_remove_never_touches_what_a_package_or_the_repository_carries(home):
    for model in ("all-minilm-l6-v2", "hearth-nano"):
        result = run("remove", model, "--yes")
        assert isinstance(result.exception, Conflict)
        assert "come with the installation" in str(result.exception)

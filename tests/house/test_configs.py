from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.errors import ConfigError, ModelNotFound
from cluster.fakes.nvml import FakeReader
from cluster.graphs.checking import Known, check
from cluster.graphs.library import GraphLibrary
from cluster.hardware import profile_devices
from cluster.home import CATALOG, GRAPHS, PROFILES, REPOSITORY, Home
from cluster.planning import resolve_plan
from cluster.settings import load_settings
from cluster.specs.catalog import Catalog, HubSource, ModelSpec
from cluster.specs.loader import load_spec
from cluster.specs.profile import ProfileSpec, load_profile
from cluster.specs.retrieval import RETRIEVAL, RetrievalSettings

PROFILE_FILES = sorted(PROFILES.glob("*.yaml"))
CATALOG_FILES = sorted(CATALOG.glob("*.yaml"))
GRAPH_FILES = sorted(GRAPHS.glob("*.yaml"))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_every_yaml_of_configs_is_a_profile_or_a_model():
    known = {*PROFILE_FILES, *CATALOG_FILES}
    found = {path for folder in ("catalog", "profiles") for path in (REPOSITORY / "configs" / folder).rglob("*.y*ml")}
    assert found == known
    assert {path.stem for path in PROFILE_FILES} >= {"laptop", "p40-pair", "hopper", "cluster"}


@pytest.mark.parametrize("path", PROFILE_FILES, ids=lambda path: path.stem)
def test_every_profile_loads_with_its_settings_and_serves_models_of_the_catalog(path):
    profile = load_profile(path.stem, PROFILES)
    assert profile.name == path.stem
    load_settings(profile=profile.settings, env={})
    catalog = Catalog.load(CATALOG)
    for served in profile.models:
        assert catalog.get(served.model)


@pytest.mark.parametrize("path", CATALOG_FILES, ids=lambda path: path.stem)
def test_every_model_says_enough_to_be_planned_and_pulled(path):
    model = load_spec(path, ModelSpec)
    assert model.capabilities
    for variant in model.variants:
        assert variant.weights, f"{model.id}: {variant.engine} needs its size"
        if isinstance(variant.source, HubSource) and variant.source.files and variant.file:
            assert variant.file in variant.source.files
        if isinstance(variant.source, HubSource):
            assert set(variant.source.sha256) <= set(variant.source.files)


@pytest.mark.parametrize("name", ["laptop", "p40-pair", "hopper"])
def test_every_profile_with_its_own_devices_fits_them(name, tmp_path):
    profile = load_profile(name, PROFILES)
    made = resolve_plan(profile, Catalog.load(CATALOG), profile_devices(profile, FakeReader()), Home(tmp_path)).check()
    assert made.plan.rejected == ()
    assert made.plan.optimal


def test_the_laptop_needs_no_hub_for_what_it_pins():
    profile, catalog = load_profile("laptop", PROFILES), Catalog.load(CATALOG)
    pinned = [catalog.get(served.model) for served in profile.models if served.pinned]
    assert {model.kind for model in pinned} == {"llm", "embedding", "ocr"}
    assert not any(isinstance(variant.source, HubSource) for model in pinned for variant in model.variants)


def test_the_laptop_hears_and_sees_without_a_hub_too():
    profile, catalog = load_profile("laptop", PROFILES), Catalog.load(CATALOG)
    bundled = [model for served in profile.models if (model := catalog.get(served.model)).nano]
    assert {model.kind for model in bundled} == {"llm", "transcription", "clip"}


@pytest.mark.parametrize("path", GRAPH_FILES, ids=lambda path: path.stem)
def test_every_graph_loads_makes_sense_and_says_what_it_is_for(path):
    library = GraphLibrary.load(GRAPHS, most_bytes=2**20)
    file = library.file(path.stem)
    known = Known(graphs=library.specs, retrieval={spec.name for spec in RetrievalSettings.load(RETRIEVAL)})
    assert [finding.told(path.name) for finding in check(file.spec, file.parsed.lines, known)] == []
    assert file.text.startswith("# ")
    assert file.spec.title
    assert file.spec.description


def test_the_graphs_that_are_promised_are_there():
    assert {path.stem for path in GRAPH_FILES} >= {"answer", "research", "triage", "voice_note", "compare", "digest", "todo"}


def test_an_unknown_key_is_named_with_file_and_nearest_key(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\ndescription: x\nmodels:\n  - {model: a, prioritty: 3}\n")
    with pytest.raises(ConfigError, match=r"own.yaml: unknown key 'models.0.prioritty'; did you mean 'priority'\?"):
        load_profile(str(path), PROFILES)


def test_a_bad_unit_is_named_with_an_example(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\ndescription: x\ncpu_memory: 12 gigs\nmodels:\n  - {model: a}\n")
    with pytest.raises(ConfigError, match=r"own.yaml: 'cpu_memory' is '12 gigs'; write a size with a unit, such as '512 MiB'"):
        load_profile(str(path), PROFILES)


def test_an_unquoted_compute_capability_is_refused_with_what_to_write(tmp_path):
    text = "name: own\ndescription: x\ndevices:\n  - {name: P40, memory: 23040 MiB, compute_capability: six}\nmodels:\n  - {model: a}\n"
    with pytest.raises(ConfigError, match=r"'devices.0.compute_capability': .*two numbers in quotes, such as '6.1'"):
        load_profile(str(write(tmp_path / "own.yaml", text)), PROFILES)


def test_a_word_for_devices_that_does_not_exist_lists_those_that_do(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\ndescription: x\ndevices: gpus\nmodels:\n  - {model: a}\n")
    with pytest.raises(ConfigError, match="'devices' is 'gpus'; choose 'auto' or 'cpu'"):
        load_profile(str(path), PROFILES)


def test_a_missing_profile_names_the_nearest():
    with pytest.raises(ConfigError, match=r"laptob.yaml: no such file; did you mean 'laptop'\?"):
        load_profile("laptob", PROFILES)


def test_a_model_listed_twice_is_refused(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\ndescription: x\nmodels:\n  - {model: a}\n  - {model: a}\n")
    with pytest.raises(ConfigError, match="model 'a' is listed twice; use 'replicas'"):
        load_profile(str(path), PROFILES)


def test_a_file_that_is_not_yaml_is_named_with_the_line(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\n  models: [\n")
    with pytest.raises(ConfigError, match=r"own.yaml: not valid YAML at line \d"):
        load_profile(str(path), PROFILES)


def test_an_engine_that_does_not_exist_lists_those_that_do(tmp_path):
    path = write(tmp_path / "own.yaml", "name: own\ndescription: x\nmodels:\n  - {model: a, engine: llamacpp}\n")
    with pytest.raises(ConfigError, match=r"'models.0.engine' is 'llamacpp'; choose .*'llama_cpp'"):
        load_profile(str(path), PROFILES)


def test_a_catalog_file_is_named_as_its_model(tmp_path):
    source = CATALOG / "pp-ocrv6.yaml"
    write(tmp_path / "other.yaml", source.read_text())
    with pytest.raises(ConfigError, match=r"the id is 'pp-ocrv6'; name the file pp-ocrv6.yaml"):
        Catalog.load(tmp_path)


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ModelNotFound, match=r"no model 'qwen3-8'; did you mean 'qwen3-8b'\?"):
        Catalog.load(CATALOG).get("qwen3-8")


def test_a_profile_survives_being_written_and_read_again(tmp_path):
    profile = load_profile("p40-pair", PROFILES)
    path = write(tmp_path / "again.yaml", yaml.safe_dump(profile.model_dump(mode="json")))
    assert load_spec(path, ProfileSpec) == profile

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.contracts.models import ModelKind
from cluster.errors import Conflict, NotFound
from cluster.fakes.nvml import p40s
from cluster.hardware import Device, cpu_device
from cluster.home import Home
from cluster.inventory import choose_variant, inventory, need_known, served_in
from cluster.pull import import_local
from cluster.specs.catalog import Catalog, HubSource, ModelSpec, PackageSource, Variant
from cluster.specs.profile import ProfileSpec, ServedModel

HUB = HubSource(kind="hub", repo="owner/model")
BOTH = ModelSpec(
    id="both",
    kind=ModelKind.LLM,
    description="d",
    license="MIT",
    variants=(
        Variant.model_validate({"engine": "llama_cpp", "source": HUB, "file": "m.gguf", "quantization": "Q4_K_M", "weights": "2 GiB"}),
        Variant.model_validate({"engine": "vllm", "source": HUB, "weights": "16 GiB"}),
    ),
)
PACKAGED = ModelSpec(
    id="packaged",
    kind=ModelKind.OCR,
    description="d",
    license="MIT",
    variants=(Variant(engine="rapidocr", source=PackageSource(kind="package", package="no_such_package_here")),),
)
HOPPER = Device("gpu-0", "NVIDIA H200", 140 * 2**30, "9.0")
PROFILE = ProfileSpec(name="some", description="d", models=(ServedModel(model="both"),))


def test_every_model_is_listed_with_its_state_size_and_users(tmp_path):
    packaged, both = reversed(inventory(Catalog({"both": BOTH, "packaged": PACKAGED}), [PROFILE], Home(tmp_path)))
    assert (both.id, both.state, both.size_bytes, both.profiles) == ("both", "not pulled", 2 * 2**30, ("some",))
    assert (packaged.state, packaged.size_bytes, packaged.profiles) == ("not installed", None, ())


def test_a_pulled_variant_makes_the_model_here_and_gives_its_true_size(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF1234")
    import_local(BOTH, BOTH.variants[0], Home(tmp_path / "home"), tmp_path / "m.gguf")
    (entry,) = inventory(Catalog({"both": BOTH}), [], Home(tmp_path / "home"))
    assert (entry.state, entry.size_bytes) == ("here", 8)
    assert [variant.state for variant in entry.variants] == ["here", "not pulled"]


def test_the_variant_to_pull_is_the_one_the_devices_would_run():
    chosen = [choose_variant(BOTH, devices).engine for devices in ((cpu_device(),), (*p40s(2), cpu_device()), (HOPPER, cpu_device()))]
    assert chosen == ["llama_cpp", "llama_cpp", "vllm"]


def test_the_profile_or_the_caller_may_force_a_variant():
    assert choose_variant(BOTH, (HOPPER,), ServedModel(model="both", engine="llama_cpp")).engine == "llama_cpp"
    assert choose_variant(BOTH, (HOPPER,), quantization="Q4_K_M").engine == "llama_cpp"


def test_a_model_that_runs_nowhere_says_why():
    with pytest.raises(Conflict, match="did you mean 'Q4_K_M'"):
        choose_variant(BOTH, (cpu_device(),), quantization="Q4_K_S")


def test_a_profile_with_a_model_the_catalog_lacks_names_the_nearest():
    wrong = ProfileSpec(name="some", description="d", models=(ServedModel(model="bot"),))
    with pytest.raises(NotFound, match=r"Profile 'some'.*did you mean 'both'"):
        need_known(wrong, Catalog({"both": BOTH}))


def test_a_model_is_found_in_its_profile():
    assert served_in(PROFILE, "both") is PROFILE.models[0]
    assert served_in(PROFILE, "other") is None


def test_no_profile_is_needed_to_list(tmp_path: Path):
    assert inventory(Catalog({}), [], Home(tmp_path)) == []

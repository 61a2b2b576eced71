from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.contracts.models import ModelKind
from cluster.doctor.cards import check_cards, check_driver, runs_on
from cluster.doctor.examine import engines_of, examine
from cluster.doctor.finding import Finding, Level
from cluster.doctor.machine import check_cpu, check_disk, check_memory, check_python, check_shared_memory
from cluster.doctor.packages import Import, check_packages, read_extras, try_imports
from cluster.doctor.service import check_hub, check_leftovers, check_ports, check_weights
from cluster.errors import EngineError
from cluster.fakes.hub import LocalHub
from cluster.fakes.nvml import FakeReader, p40s
from cluster.hardware import Device, cpu_device
from cluster.home import REPOSITORY, Home
from cluster.hub import Hub
from cluster.runtime.processes import MARK
from cluster.settings import Settings
from cluster.specs.catalog import Catalog, EngineName, HubSource, ModelSpec, PathSource, Source, Variant
from cluster.specs.profile import DeviceSpec, ProfileSpec, ServedModel

GIB = 2**30
CPU_TORCH = Import("torch", None, {"version": "2.13.0+cpu", "cuda": None, "archs": []})
P40_TORCH = Import("torch", None, {"version": "2.13.0+cu126", "cuda": "12.6", "archs": ["sm_50", "sm_60", "sm_70", "sm_90"]})
NEW_TORCH = Import("torch", None, {"version": "2.13.0+cu130", "cuda": "13.0", "archs": ["sm_75", "sm_90"]})


def model_of(name: str, engine: EngineName, source: Source) -> ModelSpec:
    variant = Variant(engine=engine, source=source)
    return ModelSpec(id=name, kind=ModelKind.LLM, description="d", license="MIT", variants=(variant,))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "here.gguf").write_bytes(b"GGUF")
    models = [
        model_of("here", "llama_cpp", PathSource(kind="path", path=tmp_path / "here.gguf")),
        model_of("away", "llama_cpp", HubSource(kind="hub", repo="owner/model")),
        model_of("new-cards-only", "vllm", HubSource(kind="hub", repo="owner/model")),
    ]
    return Catalog({model.id: model for model in models})


def profile_of(*models: str, **fields: object) -> ProfileSpec:
    served = tuple(ServedModel(model=model) for model in models)
    return ProfileSpec.model_validate({"name": "some", "description": "d", "models": served, **fields})


def by_check(findings: object) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("version", "level"), [((3, 11, 7), Level.OK), ((3, 10, 1), Level.PROBLEM), ((3, 13, 0), Level.PROBLEM)])
def test_only_supported_pythons_pass(version, level):
    assert check_python(version).level is level


def test_a_cpu_without_avx2_is_a_problem_only_where_llama_cpp_is_served():
    assert check_cpu("x86_64", frozenset({"avx2"}), needs_llama_cpp=True).level is Level.OK
    assert check_cpu("x86_64", frozenset({"sse2"}), needs_llama_cpp=True).level is Level.PROBLEM
    assert check_cpu("x86_64", frozenset({"sse2"}), needs_llama_cpp=False).level is Level.WARNING
    assert check_cpu("aarch64", frozenset({"asimd"}), needs_llama_cpp=True).level is Level.OK


def test_little_memory_is_a_warning_and_none_a_problem():
    assert [check_memory(16 * GIB, free * GIB).level for free in (8, 2, 0)] == [Level.OK, Level.WARNING, Level.PROBLEM]


def test_the_disk_is_looked_at_where_home_will_be(tmp_path):
    assert str(tmp_path) in check_disk(Home(tmp_path / "not" / "yet")).says


def test_an_object_store_larger_than_shared_memory_is_warned_about(tmp_path):
    assert check_shared_memory(1, tmp_path).level is Level.OK
    found = check_shared_memory(1 << 60, tmp_path)
    assert found.level is Level.WARNING
    assert "--shm-size" in found.advice
    assert check_shared_memory(1, tmp_path / "nowhere").level is Level.WARNING


def test_a_taken_port_names_the_process_that_holds_it(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings.model_validate({"home": home.root, "http": {"port": port}, "ray": {"dashboard_port": port}})
        http, dashboard = check_ports(home, settings)
    assert (http.level, dashboard.level) == (Level.PROBLEM, Level.WARNING)
    assert "pid" in http.says
    assert "--port" in http.advice


def test_free_ports_are_fine(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings.model_validate({"home": home.root, "http": {"port": port}, "ray": {"dashboard_port": port}})
    assert [finding.level for finding in check_ports(home, settings)] == [Level.OK, Level.OK]


def test_processes_of_an_earlier_run_are_found_and_those_of_others_are_not(home, tmp_path):
    other = Home(tmp_path / "other")
    assert check_leftovers(home).level is Level.OK
    script = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], env={MARK: home.mark}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        found = check_leftovers(home)
        assert found.level is Level.WARNING
        assert str(orphan.pid) in found.says
        assert "hearth down" in found.advice
        assert check_leftovers(other).level is Level.OK
        orphan.communicate()
    assert check_leftovers(home).level is Level.OK


def test_weights_are_reported_for_each_model_of_the_profile(home, catalog):
    findings = by_check(check_weights(profile_of("here", "away", "new-cards-only"), catalog, (*p40s(1), cpu_device()), home))
    assert findings["model here"].level is Level.OK
    assert "hearth models pull away" in findings["model away"].says
    assert "7.0" in findings["model new-cards-only"].says


def test_the_hub_matters_only_for_weights_that_are_missing():
    with LocalHub({}) as local:
        answering = Hub(endpoint=local.endpoint)
        assert check_hub(answering, Settings(), weights_missing=True).level is Level.OK
    assert check_hub(answering, Settings(), weights_missing=True).level is Level.WARNING
    assert check_hub(answering, Settings(), weights_missing=False).level is Level.OK
    assert "offline" in check_hub(answering, Settings(offline=True), weights_missing=True).says


def test_imports_are_tried_in_a_process_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "dies.py").write_text("import os; os._exit(3)")
    (tmp_path / "raises.py").write_text("raise RuntimeError('no such symbol')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tried = try_imports(["json", "raises", "dies", "decimal"])
    assert {name: one.error for name, one in tried.items()} == {
        "json": None,
        "raises": "RuntimeError: no such symbol",
        "dies": "the process ended with status 3 while importing it",
        "decimal": None,
    }
    assert "dies" not in sys.modules


def test_an_import_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text("import sys; sys.stdin.read() if sys.stdin.isatty() else __import__('threading').Event().wait()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tried = try_imports(["json", "hangs"], timeout_s=8.0)
    assert tried["json"].error is None
    assert "not imported after 8 s" in str(tried["hangs"].error)


def test_a_missing_extra_is_a_problem_only_where_the_profile_needs_it(tmp_path):
    pyproject = tmp_path / "pyproject.toml"
    extras = ["audio", "embeddings", "llamacpp", "vision", "vllm", "vllm-cpu", "train"]
    body = "\n".join(f'{extra} = ["no-such-package-here>=1"]' for extra in extras)
    pyproject.write_text(f'[project]\nname = "hearth"\n[project.optional-dependencies]\n{body}\n')
    findings = by_check(check_packages(["llama_cpp"], {"xllamacpp": Import("xllamacpp", "ImportError: none", {})}, pyproject))
    assert findings["extra llamacpp"].level is Level.PROBLEM
    assert "pip install" in findings["extra llamacpp"].advice
    assert findings["extra audio"].level is Level.OK
    assert findings["engine llama_cpp"].level is Level.PROBLEM


def test_extras_that_name_extras_are_resolved():
    extras = read_extras(REPOSITORY / "pyproject.toml")
    assert {"xllamacpp", "torch", "faster-whisper"} <= {requirement.name for requirement in extras["local"]}
    assert "hearth" not in {requirement.name for requirement in extras["local"]}


@pytest.mark.parametrize(
    ("archs", "capability", "runs"),
    [
        (["sm_60"], (6, 1), True),
        (["sm_61"], (6, 0), False),
        (["sm_70"], (6, 1), False),
        (["sm_50", "compute_50"], (6, 1), True),
        (["sm_90", "sm_120"], (12, 0), True),
        ([], (6, 1), False),
    ],
)
def test_a_build_runs_on_cards_of_its_major_or_from_older_ptx(archs, capability, runs):
    assert runs_on(archs, *capability) is runs


def test_a_p40_wants_the_cuda_12_6_build_of_torch():
    reader = FakeReader(p40s(2))
    for torch, level in ((CPU_TORCH, Level.WARNING), (NEW_TORCH, Level.WARNING), (P40_TORCH, Level.OK)):
        assert by_check(check_cards(reader, {"torch": torch}))["torch"].level is level
    assert "cu126" in by_check(check_cards(reader, {"torch": NEW_TORCH}))["torch"].advice
    assert "llama.cpp" in by_check(check_cards(reader, {"torch": P40_TORCH}))["vllm"].says


def test_a_new_card_may_run_vllm():
    card = Device("gpu-0", "NVIDIA H200", 140 * GIB, "9.0", uuid="GPU-1")
    findings = by_check(check_cards(FakeReader([card]), {"torch": NEW_TORCH}))
    assert findings["torch"].level is Level.OK
    assert "usable" in findings["vllm"].says
    assert "140.0 GiB" in findings["gpu-0"].says


def test_a_cpu_build_of_llama_cpp_beside_a_card_is_a_problem():
    cpu_build = Import("xllamacpp", None, {"devices": ["CPU"]})
    cuda_build = Import("xllamacpp", None, {"devices": ["CUDA0", "CPU"]})
    reader = FakeReader(p40s(1))
    assert by_check(check_cards(reader, {"xllamacpp": cpu_build}))["llama.cpp"].level is Level.PROBLEM
    assert by_check(check_cards(reader, {"xllamacpp": cuda_build}))["llama.cpp"].level is Level.OK


def test_cards_that_a_profile_declares_and_the_machine_lacks_are_a_problem():
    assert by_check(check_cards(FakeReader(), {}))["gpu"].level is Level.OK
    found = by_check(check_cards(FakeReader(), {}, declared=2))["gpu"]
    assert found.level is Level.PROBLEM
    assert "hearth plan" in found.advice


class BrokenDriver(FakeReader):
    """A machine whose driver and library do not match."""

    def devices(self) -> tuple[Device, ...]:
        raise EngineError("NVML does not start: Driver/library version mismatch. Check the driver with nvidia-smi.")


def test_a_broken_driver_is_one_problem_among_the_findings(home, catalog):
    with LocalHub({}) as local:
        findings = list(examine(profile_of("here"), Settings(home=home.root), catalog, BrokenDriver(), Hub(endpoint=local.endpoint)))
    assert by_check(findings)["gpu"].level is Level.PROBLEM
    assert by_check(findings)["model here"].level is Level.OK


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n", Level.OK),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul 13 16:14:05 UTC 2021\n", Level.PROBLEM),
        ("", Level.WARNING),
    ],
)
def test_the_driver_must_be_new_enough_for_cuda_12(tmp_path, text, level):
    (tmp_path / "version").write_text(text)
    assert check_driver(tmp_path / "version").level is level
    assert check_driver(tmp_path / "none").level is Level.WARNING


def test_engines_follow_the_devices_a_profile_declares(catalog):
    cards = (DeviceSpec.model_validate({"name": "Tesla P40", "memory": "23040 MiB", "compute_capability": "6.1"}),)
    profile = profile_of("here", "new-cards-only", devices=cards)
    assert engines_of(profile, catalog, p40s(1)) == ["llama_cpp"]

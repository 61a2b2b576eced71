"""GPUs: what NVML reports, whether the installed torch has code for them, and whether vLLM is an option."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cluster.doctor.finding import Finding, ok, problem, warning
from cluster.doctor.packages import Import
from cluster.engines import VLLM, capability
from cluster.errors import HearthError
from cluster.hardware import Device, DeviceReader, readable

DRIVER = Path("/proc/driver/nvidia/version")
# CUDA 12's minor-version compatibility: the oldest driver branch that runs its programs (CUDA release notes, table 2).
OLDEST_DRIVER = 525
# CUDA 12: release 13 has no code for cards older than 7.5.
LLAMA_FOR_CUDA = "pip install xllamacpp --force-reinstall --index-url https://xorbitsai.github.io/xllamacpp/whl/cu128"
TORCH_FOR_PASCAL = "pip install torch==2.13.0 torchvision==0.28.0 --index-url https://download.pytorch.org/whl/cu126"


def check_cards(reader: DeviceReader, imports: Mapping[str, Import], declared: int = 0, driver_file: Path = DRIVER) -> Iterator[Finding]:
    """``imports``: how those that were tried went; ``declared``: how many cards the profile plans for."""
    try:
        cards = reader.devices()
    except HearthError as error:
        yield problem("gpu", error.message, "Reinstall or reload the NVIDIA driver; until then use a profile with `devices: cpu`.")
        return
    if not cards:
        yield _without_cards(declared)
        return
    yield check_driver(driver_file)
    for index, card in enumerate(cards):
        free = reader.memory(str(index)).free_bytes
        said = f"{card.name}, {readable(card.memory_bytes)} ({readable(free)} free), compute capability {card.compute_capability}"
        yield ok(card.id, said)
    yield check_torch(cards, imports.get("torch"))
    yield check_vllm(cards)
    if (llama := imports.get("xllamacpp")) is not None and llama.error is None:
        yield check_llama(llama)


def _without_cards(declared: int) -> Finding:
    if not declared:
        return ok("gpu", "none (no NVIDIA driver, or no card): models run on the CPU")
    said = f"none, and the profile declares {declared}"
    return problem("gpu", said, "It can be planned here (`hearth plan`), not served; choose another profile, such as laptop.")


def check_driver(file: Path) -> Finding:
    found = re.search(r"\s(\d+)\.(\d+(?:\.\d+)?)\s", file.read_text(encoding="utf-8")) if file.is_file() else None
    if found is None:
        return warning("driver", f"{file} does not say its version", "See with nvidia-smi whether the driver is loaded.")
    said = f"NVIDIA {found[1]}.{found[2]}"
    if int(found[1]) < OLDEST_DRIVER:
        return problem("driver", said, f"CUDA 12 needs {OLDEST_DRIVER} or newer: install a newer driver.")
    return ok("driver", said)


def check_torch(cards: Sequence[Device], torch: Import | None) -> Finding:
    """Whether the build's kernels cover every card."""
    if torch is None or torch.error is not None:
        why = torch.error if torch else "not installed"
        return warning(
            "torch", f"cannot be used: {why}", "CLIP, rerankers and training need it: pip install -c constraints.txt -e '.[torch]'."
        )
    cuda = torch.facts["cuda"]
    build = f"{torch.facts['version']} ({f'CUDA {cuda}' if cuda else 'a CPU build'})"
    archs = [str(arch) for arch in torch.facts["archs"]] if isinstance(torch.facts["archs"], list) else []
    left_out = [card for card in cards if not runs_on(archs, *capability(card))]
    if not left_out:
        return ok("torch", f"{build} has code for every card")
    names = ", ".join(f"{card.name} ({card.compute_capability})" for card in left_out)
    pascal = any(capability(card) < VLLM for card in left_out)
    build_for_it = (
        f"the CUDA 12.6 build, which has code for it: {TORCH_FOR_PASCAL}" if pascal else "a CUDA build: pip install torch==2.13.0"
    )
    advice = f"Install {build_for_it}."
    return warning("torch", f"{build} has no code for {names}", advice)


def check_llama(llama: Import) -> Finding:
    """The wheel on PyPI computes on the CPU alone."""
    devices = [str(name) for name in llama.facts["devices"]] if isinstance(llama.facts["devices"], list) else []
    if any(name != "CPU" for name in devices):
        return ok("llama.cpp", f"computes on {', '.join(devices)}")
    return problem("llama.cpp", "is a CPU build, and this profile runs it on a card", f"Install the CUDA 12 build: {LLAMA_FOR_CUDA}.")


def runs_on(archs: Sequence[str], major: int, minor: int) -> bool:
    """Whether a build for ``archs`` runs on a card: machine code (sm_XY) of its major and no newer minor, or older PTX (compute_XY)."""
    for kind, number in re.findall(r"(sm|compute)_(\d+)", " ".join(archs)):
        has = (int(number[:-1]), int(number[-1]))
        if (kind == "sm" and has[0] == major and has[1] <= minor) or (kind == "compute" and has <= (major, minor)):
            return True
    return False


def check_vllm(cards: Sequence[Device]) -> Finding:
    too_old = [card for card in cards if capability(card) < VLLM]
    if len(too_old) == len(cards):
        return ok("vllm", "not for these cards (it needs compute capability 7.0): language models run on llama.cpp")
    some = f", except on {', '.join(card.id for card in too_old)}" if too_old else ""
    return ok("vllm", f"usable on these cards{some}")

"""Imports the modules named on the command line, one JSON line each. A process of its own, because an import may be slow, huge or fatal."""

from __future__ import annotations

import importlib
import json
import sys
from types import ModuleType


def main(modules: list[str]) -> None:
    for name in modules:
        error: str | None = None
        facts: dict[str, object] = {}
        try:
            module = importlib.import_module(name)
            facts = FACTS[name](module) if name in FACTS else {}
        except Exception as failure:  # noqa: BLE001 - whatever a package raises while it is imported is the finding
            error = f"{type(failure).__name__}: {str(failure).splitlines()[0] if str(failure) else ''}"
        sys.stdout.write(json.dumps({"module": name, "error": error, "facts": facts}) + "\n")
        sys.stdout.flush()


def torch_facts(torch: ModuleType) -> dict[str, object]:
    """``cuda``: the CUDA release the build is for, None for a CPU build; ``archs``: what its kernels are compiled for, such as sm_61."""
    return {"version": torch.__version__, "cuda": torch.version.cuda, "archs": torch.cuda.get_arch_list() if torch.version.cuda else []}


def llama_facts(xllamacpp: ModuleType) -> dict[str, object]:
    """``devices``: what the build of llama.cpp can compute on; a CPU build lists the CPU alone."""
    return {"devices": [device["name"] for device in xllamacpp.get_device_info()]}


FACTS = {"torch": torch_facts, "xllamacpp": llama_facts}


if __name__ == "__main__":
    main(sys.argv[1:])

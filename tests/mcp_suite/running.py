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
# A line of the suite's summary. `✓ ping: 2 passed, 0 failed`
RESULT = re.compile(r"([✓✗]) (\S+): \d+ passed, \d+ failed.*")


@dataclass(frozen=True)
class Found:
    """``missed``: what is required and did not pass, or did not run. ``status``: the suite's own verdict, 0 where all passed."""

    required: Sequence[str]
    missed: Sequence[str]
    status: int
    said: str


def is_installed(revision: str) -> bool:
    return SUITE.is_file() and (PACKAGE / f"requirements/{revision}.yaml").is_file()


async def run_suite(what: str, revision: str, *given: str, environment: Mapping[str, str] | None = None) -> Found:
    """Every scenario that ``revision`` requires of ``what``, `server` or `client`, in the frozen set that comes with the suite."""
    node = str(NODE) if NODE.is_file() else "node"
    suite = await asyncio.create_subprocess_exec(
        *(node, str(SUITE), what, "--requirements", revision, *given),
        env={**os.environ, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await suite.communicate()
    assert suite.returncode is not None
    said = COLOURS.sub("", told.decode())
    passed = {found[2] for line in said.splitlines() if (found := RESULT.fullmatch(line.strip())) and found[1] == "✓"}
    required = yaml.safe_load((PACKAGE / f"requirements/{revision}.yaml").read_text())[what]
    return Found(required, [name for name in required if name not in passed], suite.returncode, said)

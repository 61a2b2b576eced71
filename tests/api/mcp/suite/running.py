"""Running the protocol's conformance suite, npm's `@modelcontextprotocol/conformance`, and reading what it found."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A folder where `npm install @modelcontextprotocol/conformance@0.2.0-alpha.12 node@22` was done; the suite needs Node 22.
FOLDER = Path(os.environ.get("MCP_CONFORMANCE", "/nowhere"))
PACKAGE = FOLDER / "node_modules/@modelcontextprotocol/conformance"
SUITE = PACKAGE / "dist/index.js"
NODE = FOLDER / "node_modules/node/bin/node"
# Where a scenario's checks are kept, such as `server-ping-2026-11-30T02-10-00-000Z`.
KEPT = re.compile(r"(?:server-)?(.+?)-\d{4}-\d{2}-\d{2}T[\d-]+Z")
PASSED = frozenset({"SUCCESS", "INFO", "SKIPPED"})


def is_installed(revision: str) -> bool:
    return SUITE.is_file() and (PACKAGE / f"requirements/{revision}.yaml").is_file()


@dataclass(frozen=True)
class Found:
    """``failed``: what was found wrong, by scenario. ``said``: all that the suite wrote. ``status``: 0 where all that is required passed."""

    scenarios: Sequence[str]
    failed: Mapping[str, Sequence[str]]
    status: int
    said: str


async def run_suite(what: str, *given: str, out: Path, environment: Mapping[str, str] | None = None) -> Found:
    """``what``: `server` or `client`."""
    node = str(NODE) if NODE.is_file() else "node"
    suite = await asyncio.create_subprocess_exec(
        *(node, str(SUITE), what, *given, "-o", str(out)),
        env={**os.environ, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await suite.communicate()
    assert suite.returncode is not None
    said = re.sub(r"\x1b\[[0-9;]*m", "", told.decode())
    checks = {_scenario(path, out): json.loads(path.read_text()) for path in sorted(out.rglob("checks.json"))}
    failed = {
        scenario: [f"{each['id']}: {each.get('errorMessage')}" for each in found if each["status"] not in PASSED]
        for scenario, found in checks.items()
    }
    return Found(sorted(checks), {scenario: wrong for scenario, wrong in failed.items() if wrong}, suite.returncode, said)


def _scenario(path: Path, out: Path) -> str:
    kept = KEPT.fullmatch(str(path.parent.relative_to(out)))
    assert kept is not None, path
    return kept[1]

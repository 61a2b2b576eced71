"""The protocol's own conformance suite against our client, where it is installed (see tests/mcp_suite/running.py)."""

from __future__ import annotations

import sys

import pytest

from tests.mcp_suite.running import is_installed, run_client

REVISIONS = ("2026-07-28", "2025-11-25")
COMMAND = f"{sys.executable} -m tests.mcp_suite.client"

pytestmark = [
    pytest.mark.skipif(not is_installed(REVISIONS[0]), reason="MCP_CONFORMANCE names no folder with the suite"),
    # A process for every scenario: minutes on a machine that does nothing else.
    pytest.mark.timeout(3600),
]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_client_passes_every_scenario_that_a_revision_requires(revision):
    found = await run_client(revision, COMMAND)
    assert found.missed == {}


async def test_the_client_signs_in_with_credentials_of_its_own():
    found = await run_client(REVISIONS[0], COMMAND, ["auth/client-credentials-basic"])
    assert found.missed == {}

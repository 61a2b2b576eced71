"""Ray's parameters while a node of ours starts, and afterwards. That its jobs start beside another cluster is in tests/system."""

from __future__ import annotations

from ray._private import parameter

from cluster.runtime.agent_port import agent_on_a_free_port


def test_the_agent_s_port_is_free_to_choose_only_while_our_node_starts():
    before = parameter.RayParams
    with agent_on_a_free_port():
        assert parameter.RayParams().dashboard_agent_listen_port is None
    assert parameter.RayParams is before
    assert parameter.RayParams().dashboard_agent_listen_port == 52365

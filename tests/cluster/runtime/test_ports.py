from __future__ import annotations

import socket
from contextlib import closing

from cluster.runtime.ports import first_free, free_ports, holder, is_free


def test_free_ports_are_different_and_free():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(is_free(port) for port in ports)


def test_a_port_that_is_listened_on_is_taken_and_its_holder_is_named():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        described = holder(port)
        assert described is not None
        assert "pid" in described
        assert "python" in described


def test_first_free_skips_taken_ports():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert first_free(port) != port


def test_nobody_holds_a_free_port():
    assert holder(free_ports(1)[0]) is None

"""Parsers run in a process of their own: whatever a file does to it, the next call works."""

from __future__ import annotations

import ctypes
import os
import signal
import time

import psutil
import pytest

from cluster.content.isolated import Isolated
from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings


def test_what_a_function_returns_comes_back_and_the_process_is_kept(process):
    assert process.call(os.getpid) == process.call(os.getpid) != os.getpid()


@pytest.mark.parametrize("how", [lambda p: p.call(ctypes.string_at, 0), lambda p: p.call(os.kill, p.call(os.getpid), signal.SIGKILL)])
def test_a_crash_is_a_reason_and_the_next_call_works(process, how):
    with pytest.raises(Unprocessable, match="signal SIG"):
        how(process)
    assert process.call(abs, -1) == 1


def test_more_memory_than_allowed_is_a_reason():
    with Isolated(IngestSettings(parse_memory=2**30)) as process:
        with pytest.raises(TooLarge, match=r"ingest\.parse_memory"):
            process.call(bytes, 2**31)
        assert process.call(len, b"abc") == 3


def test_a_call_that_takes_too_long_is_ended():
    with Isolated(IngestSettings(parse_timeout_s=0.5)) as process, pytest.raises(TooLarge, match=r"ingest\.parse_timeout_s"):
        process.call(time.sleep, 600)


def test_an_error_of_ours_keeps_its_type_and_any_other_becomes_a_reason(process):
    def complain(kind: type[Exception]) -> None:
        raise kind("why")

    with pytest.raises(Unprocessable, match=r"ValueError: invalid literal"):
        process.call(int, "x")
    from pipelines.stages.parse import parse

    with pytest.raises(UnsupportedMedia, match="RAR"):
        process.call(parse, b"", "application/vnd.rar", IngestSettings())


def test_closing_ends_the_process():
    isolated = Isolated(IngestSettings())
    pid = isolated.call(os.getpid)
    isolated.close()
    assert not psutil.pid_exists(pid)

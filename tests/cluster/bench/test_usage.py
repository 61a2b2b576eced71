from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.synchronize import Event

import psutil
import pytest

from cluster.bench.usage import cpu_by_pid, look, title, tree


def test_a_process_is_named_by_the_module_or_script_it_runs(tmp_path):
    script = tmp_path / "some_script.py"
    script.write_text("import sys; print('here', flush=True); sys.stdin.read()")
    for arguments, name in (([str(script)], "some_script.py"), (["-m", "some_script"], "some_script")):
        command = [sys.executable, *arguments]
        with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "here\n"  # before it runs, a process may still bear its parent's command line
            assert title(psutil.Process(child.pid)) == name
            child.communicate()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("ray::ServeController.listen_for_change", "ray::ServeController"),
        ("ray::MapWorker(MapBatches(Preparing)).submit", "ray::MapWorker"),
        ("ray-dashboard-JobHead-0 (/bin/python -c from multiprocessing.forkserver import main; main(['x.py']))", "ray-dashboard-JobHead-0"),
    ],
)
def test_a_process_of_rays_bears_the_name_that_ray_gave_it(told, name):
    command = [told, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        assert title(psutil.Process(child.pid)) == name
        child.communicate("\n")


def test_a_child_of_multiprocessing_is_named_by_its_parent():
    context = multiprocessing.get_context("spawn")
    runs, release = context.Event(), context.Event()
    child = context.Process(target=_wait, args=(runs, release), daemon=True)
    child.start()
    assert runs.wait(30)
    assert child.pid is not None
    assert title(psutil.Process(child.pid)).startswith("multiprocessing child of ")
    release.set()
    child.join()


def _wait(runs: Event, release: Event) -> None:
    runs.set()
    release.wait(30)


def test_memory_and_cpu_of_a_tree_are_seen_and_of_what_is_gone_are_not():
    (me, *_) = tree(os.getpid())
    seen = {use.pid: use for use in look([me])}
    assert seen[os.getpid()].pss_bytes > 0
    assert cpu_by_pid([me])[os.getpid()] >= seen[os.getpid()].cpu_s > 0
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        gone = psutil.Process(child.pid)
    assert tree(child.pid) == []
    assert cpu_by_pid([gone]) == {}
    assert look([gone]) == []

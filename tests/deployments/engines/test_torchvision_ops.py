from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deployments.engines.torchvision_ops import LINE, NAME, install


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240, check=False)


def test_installing_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    assert install(tmp_path)
    assert not install(tmp_path)
    assert (tmp_path / NAME).read_text() == LINE


def test_a_child_process_with_the_hook_imports_torchvision_and_its_operators_say_that_they_are_missing() -> None:
    program = (
        "import deployments.engines.torchvision_hook, sys; assert 'torch' not in sys.modules;"
        "import torchvision; from torchvision.extension import _has_ops; import torch;"
        "print(hasattr(torch.ops.torchvision, 'nms'), _has_ops())"
    )
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True")


def test_the_line_is_harmless_where_hearth_is_not_installed() -> None:
    assert python("-I", "-S", "-c", LINE).returncode == 0

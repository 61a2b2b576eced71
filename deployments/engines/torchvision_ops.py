"""Makes every interpreter of this environment, child processes included, able to import torchvision beside a CPU build of torch.

    python -m deployments.engines.torchvision_ops --install

writes one line into a ``.pth`` file of site-packages, which Python runs at start; the line imports torchvision_hook.py. Run it
once after an install; running it again changes nothing.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

NAME = "hearth-torchvision-ops.pth"
# The package may be uninstalled while this file stays; an interpreter must then start without complaint.
LINE = "import sys; exec('try:\\n    import deployments.engines.torchvision_hook\\nexcept ImportError:\\n    pass')\n"


def install(folder: Path) -> bool:
    """Write the start-up line into ``folder`` (a site-packages folder). False: it was there already."""
    path = folder / NAME
    if path.is_file() and path.read_text() == LINE:
        return False
    path.write_text(LINE)
    return True


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Let torchvision be imported beside a CPU build of torch.")
    parser.add_argument("--install", action="store_true", required=True, help="write the start-up line")
    parser.parse_args(arguments)
    folder = Path(sysconfig.get_path("purelib"))
    changed = install(folder)
    sys.stdout.write(f"{'wrote' if changed else 'already there:'} {folder / NAME}\n")


if __name__ == "__main__":
    main()

"""Making the approximate index of a copied shard, in a process of its own and of the lowest priority.

    python -m deployments.engines.qdrant_index FOLDER --threads 1

The engine holds the GIL until the index is made, so whoever serves searches cannot do it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from deployments.engines.qdrant_edge import build_index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    os.nice(19)
    build_index(given.folder, given.threads)


if __name__ == "__main__":
    main()

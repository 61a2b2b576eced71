"""``python -m api.auth.rotate --home DIR [--times N]``: a new key for access tokens; those of the key before stay valid until they end.

``--times 2`` leaves no old key: every access token is void at once, while refresh tokens and API keys stay. May run while Hearth does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cluster.home import Home
from cluster.signing import SigningKeys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--storage", default="{}", help="Not needed: the keys are in a file.")
    parser.add_argument("--times", type=int, default=1, choices=(1, 2))
    words = parser.parse_args()
    keys = SigningKeys(Home(words.home).signing_keys)
    sys.stdout.write(f"{[keys.rotate() for _ in range(words.times)][-1]}\n")


if __name__ == "__main__":
    main()

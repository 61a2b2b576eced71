"""Long sound cut into parts where it is quietest, so that memory does not grow with its length and no word is cut in two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

STEP_S = 0.1


def parts(
    samples: npt.NDArray[np.float32], rate: int, longest_s: float, search_s: float
) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
    """(start in seconds, samples) of consecutive parts, none longer than ``longest_s``; each cut is made at the quietest tenth of a second
    of the last ``search_s`` that a part could have."""
    longest, search, step = int(longest_s * rate), int(search_s * rate), int(STEP_S * rate)
    start = 0
    while len(samples) - start > longest:
        region = samples[start + longest - search : start + longest]
        region = region[: len(region) // step * step]
        loudness = np.square(region.reshape(-1, step)).mean(axis=1)
        cut = start + longest - search + int(loudness.argmin()) * step + step // 2
        yield start / rate, samples[start:cut]
        start = cut
    yield start / rate, samples[start:]

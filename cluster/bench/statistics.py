"""Percentiles and the like, over samples of milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percentile(samples: Sequence[float], q: float) -> float | None:
    """The ``q``-th percentile (0..100), interpolated; None of no samples."""
    return float(np.percentile(np.asarray(samples), q)) if samples else None


def ratio(measured: float | None, base: float | None) -> float | None:
    """``measured / base``; None where either is missing or the base is zero."""
    return measured / base if measured is not None and base else None


def difference(measured: float | None, base: float | None) -> float | None:
    return measured - base if measured is not None and base is not None else None

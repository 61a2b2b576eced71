from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.bench.statistics import difference, percentile, ratio


def test_percentiles_interpolate_and_say_nothing_about_nothing():
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert percentile([5.0], 99) == 5.0
    assert percentile([], 50) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_lies_within_its_samples(samples, q):
    found = percentile(samples, q)
    assert found is not None
    assert min(samples) - 1e-6 <= found <= max(samples) + 1e-6


def test_what_is_missing_stays_missing():
    assert (ratio(2.0, 4.0), ratio(None, 4.0), ratio(2.0, 0.0), ratio(2.0, None)) == (0.5, None, None, None)
    assert (difference(5.0, 3.0), difference(None, 3.0), difference(5.0, None)) == (2.0, None, None)

from __future__ import annotations

from random import Random

import pytest

from cluster.optimising.weighing import weigh


def test_what_is_faster_in_every_round_is_better_beyond_noise():
    weighed = weigh([100, 90, 110, 95], [150, 134, 166, 143], 0.95, 1000)
    assert weighed.low > 1.4
    assert weighed.better
    assert not weighed.worse
    assert weighed.ratio == pytest.approx(1.5, abs=0.02)


def test_a_machine_that_slows_down_for_a_while_favours_nobody():
    pace = [1.0, 0.5, 0.25, 1.0, 0.3, 0.9]
    weighed = weigh([100 * one for one in pace], [120 * one for one in pace], 0.95, 1000)
    assert weighed.low == pytest.approx(1.2)
    assert weighed.high == pytest.approx(1.2)


def test_noise_alone_is_seldom_taken_for_a_gain():
    rng = Random(5)
    wrong = 0
    for _ in range(200):
        before, after = [[rng.uniform(0.8, 1.2) for _ in range(8)] for _ in range(2)]
        wrong += weigh(before, after, 0.95, 300).better
    assert wrong <= 200 * 0.08, "2.5 % to that side by right, and few rounds err a little more"


def test_the_other_way_round_it_is_worse():
    assert weigh([150, 134, 166], [100, 90, 110], 0.95, 500).worse


@pytest.mark.parametrize(("before", "after"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, 0], [1, 2, 3]), ([], [])])
def test_what_is_no_ratio_is_refused(before, after):
    with pytest.raises(ValueError, match="ratio"):
        weigh(before, after, 0.95, 500)

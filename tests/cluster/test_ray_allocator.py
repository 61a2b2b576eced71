from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cluster.ray_allocator import UNITS, Arrangement, Group, Want, arrange, choose_gpu, realize, to_shares


def replayed(arrangement: Arrangement) -> dict[int, tuple[int, ...]]:
    """Where Ray puts each group when they are started in this order."""
    free, landed = [UNITS] * len(arrangement.device_order), {}
    for group in arrangement.groups:
        where = []
        for _ in group.devices:
            gpu = choose_gpu(free, group.share)
            assert gpu is not None
            free[gpu] -= group.share
            where.append(arrangement.device_order[gpu])
        landed[group.key] = tuple(where)
    return landed


def test_a_request_goes_to_the_gpu_it_fills_most():
    assert choose_gpu([10_000, 4_000, 6_000], 3_000) == 1


def test_a_tie_goes_to_the_lowest_index():
    assert choose_gpu([2_000, 5_000, 5_000], 4_000) == 1


def test_a_request_that_fits_nowhere_waits():
    assert choose_gpu([2_000, 5_000], 5_001) is None


def test_shares_are_rounded_up():
    assert to_shares([1, 3333], 10_007) == [1, 3331]


def test_three_thirds_of_a_card_are_one_card():
    assert to_shares([8, 8, 8], 24) == [3334, 3333, 3333]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=8), st.integers(0, 10**9))
def test_shares_of_budgets_that_fit_never_pass_the_whole_card(budgets, spare):
    capacity = sum(budgets) + spare
    budgets = [max(budget, -(-capacity // UNITS)) for budget in budgets]
    shares = to_shares(budgets, capacity)
    assert sum(budgets) > capacity or sum(shares) <= UNITS
    assert all(abs(share - budget * UNITS / capacity) <= 1 for share, budget in zip(shares, budgets, strict=True))


def test_the_fuller_card_is_opened_first_so_that_nothing_is_drawn_away():
    found = arrange([Group(0, 3000, (1,)), Group(1, 6000, (0,)), Group(2, 4000, (0,))], 2)
    assert found is not None
    assert replayed(found) == {1: (0,), 2: (0,), 0: (1,)}
    assert found.device_order == (0, 1)


def test_a_model_that_only_the_second_card_can_hold_makes_ray_count_that_card_first():
    found = arrange([Group(0, 8700, (1,))], 2)
    assert found is not None
    assert found.device_order == (1, 0)
    assert replayed(found) == {0: (1,)}


def test_a_card_that_would_draw_a_model_is_closed():
    # Without raising a share, Ray would put group 1 beside group 0 whatever the order.
    found = arrange([Group(0, 5000, (0,)), Group(1, 5000, (1,))], 2)
    assert found is not None
    assert replayed(found) == {0: (0,), 1: (1,)}
    assert sorted(group.share for group in found.groups) == [5000, 5001]


def test_what_no_order_can_do_is_said():
    # Two replicas of one model on two cards: Ray puts the second beside the first.
    assert arrange([Group(0, 3000, (0, 1))], 2) is None


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=7), st.integers(1, 4))
def test_every_packing_of_single_replicas_has_an_order(shares, devices):
    """First-fit in the order given, which is not how Ray would choose."""
    free = [UNITS] * devices
    groups = []
    for key, share in enumerate(shares):
        fitting = [d for d in range(devices) if free[d] >= share]
        if fitting:
            free[fitting[-1]] -= share
            groups.append(Group(key, share, (fitting[-1],)))
    found = arrange(groups, devices)
    assert found is not None
    assert replayed(found) == {group.key: group.devices for group in groups}


def test_ray_places_replicas_by_itself_where_no_plan_survives():
    groups = realize([Want(0, 2, (3000, 3000)), Want(1, 1, (9000, 9000))], 2)
    assert groups is not None
    assert replayed(Arrangement(groups, (0, 1))) == {group.key: group.devices for group in groups}
    assert {group.key: len(group.devices) for group in groups} == {0: 2, 1: 1}


def test_a_share_is_enough_on_the_card_it_lands_on():
    groups = realize([Want(0, 1, (None, 4000)), Want(1, 1, (9000, 3000))], 2)
    assert groups is not None
    needed = {0: {1: 4000}, 1: {0: 9000, 1: 3000}}
    assert all(group.share >= needed[group.key][device] for group in groups for device in group.devices)


def test_what_cannot_be_placed_at_all_is_none():
    assert realize([Want(0, 3, (6000, 6000))], 2) is None


def test_the_order_is_the_same_every_time():
    groups = [Group(key, 1000 + 100 * key, (key % 3,)) for key in range(8)]
    found = [arrange(groups, 3) for _ in range(3)]
    assert all(one == other for one, other in pairwise(found))

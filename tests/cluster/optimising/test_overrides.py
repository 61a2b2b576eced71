from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.errors import ConfigError
from cluster.home import Home
from cluster.optimising.change import ServedChange
from cluster.optimising.overrides import Override, Overrides, overlaid
from cluster.specs.profile import ProfileSpec

PROFILE = ProfileSpec.model_validate(
    {
        "name": "a/b",
        "description": "Two.",
        "models": [{"model": "one", "parallel": 2}, {"model": "two", "pinned": True}],
        "settings": {"residency": {"tick_s": 1.0}},
    }
)


def override(model: str, value: int) -> Override:
    return Override(model=model, field="parallel", value=value, was=2, by="an optimisation", at=datetime(2026, 11, 30, tzinfo=UTC))


@pytest.fixture
def overrides(tmp_path: Path) -> Overrides:
    return Overrides(Home(tmp_path), "a/b")


def test_without_any_the_profile_is_as_its_file_says(overrides: Overrides):
    assert overlaid(PROFILE, overrides.home) == PROFILE
    assert not overrides.path.exists()


def test_what_was_put_is_in_force_and_the_rest_is_as_it_was(overrides: Overrides):
    overrides.put(override("one", 4))
    overrides.put(override("one", 8))
    overrides.put(override("gone", 16))
    found = overlaid(PROFILE, overrides.home)
    assert [(one.model, one.parallel, one.pinned) for one in found.models] == [("one", 8, False), ("two", 4, True)]
    assert found.settings == PROFILE.settings
    assert overlaid(PROFILE.model_copy(update={"name": "other"}), overrides.home).models == PROFILE.models


def test_what_was_taken_back_is_as_it_was_before_it(overrides: Overrides):
    earlier = override("one", 4)
    overrides.put(earlier)
    overrides.put(override("one", 8))
    change = ServedChange(model="one", field="parallel", before=4, after=8)
    overrides.restore(change, earlier)
    assert overrides.all() == (earlier,)
    overrides.restore(change, None)
    assert overrides.all() == ()


def test_a_file_that_cannot_be_read_says_what_to_do(overrides: Overrides):
    overrides.path.parent.mkdir()
    overrides.path.write_text("[{]")
    with pytest.raises(ConfigError, match="delete the file"):
        overlaid(PROFILE, overrides.home)


def test_a_value_that_no_profile_may_have_is_refused(overrides: Overrides):
    overrides.put(override("one", 1000))
    with pytest.raises(ConfigError, match="parallel"):
        overlaid(PROFILE, overrides.home)

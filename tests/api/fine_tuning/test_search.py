"""Searches for hyper-parameters over HTTP: what is taken, and what is refused."""

from __future__ import annotations

import pytest

from tests.api.conftest import error_of
from tests.api.fine_tuning.test_endpoints import NANO, ours, uploaded
from tests.api.fine_tuning.test_training import herd_dataset
from tests.fine_tuning import herd_file

SPACE = {"trials": 4, "learning_rate": {"low": 1e-4, "high": 1e-2}, "rank": [4, 8]}


async def test_a_search_is_told_as_it_was_asked_for(made):
    async with made() as world, ours(world) as client:
        body = {"model": NANO, "training_file": await uploaded(world, herd_file(12)), "hyperparameters": {"search": SPACE}}
        started = (await client.post("/start", json=body)).raise_for_status().json()["data"]
        assert started["hyperparameters"]["search"] == SPACE | {"epochs": None}
        await herd_dataset(world, 12, 4)
        judged = body | {"training_file": "dataset:herd", "hyperparameters": {"search": {"trials": 2}, "held_out": 0}}
        assert (await client.post("/start", json=judged)).status_code == 200, "what the dataset holds out compares"


@pytest.mark.parametrize(
    ("changes", "status", "param", "told"),
    [
        ({"hyperparameters": {"search": {}, "held_out": 0}}, 400, "hyperparameters.held_out", "compares trials by examples"),
        ({"hyperparameters": {"search": {}, "held_out": 0.01}}, 400, "hyperparameters.held_out", "of 12 examples a share of 0.01 is none"),
        ({"hyperparameters": {"search": {}}, "workers": 2}, 400, "workers", "one after another"),
        ({"hyperparameters": {"search": {"trials": 5}}}, 413, "hyperparameters.search.trials", "tuning.most_trials"),
    ],
)
async def test_a_search_that_could_not_choose_is_refused(made, changes, status, param, told):
    async with made(most_trials=4) as world, ours(world) as client:
        file = await uploaded(world, herd_file(12))
        search = changes["hyperparameters"]["search"]
        parameters = changes["hyperparameters"] | {"search": {"trials": 4} | search}
        answer = await client.post("/start", json={"model": NANO, "training_file": file} | changes | {"hyperparameters": parameters})
        assert (answer.status_code, error_of(answer)["param"]) == (status, param), answer.text
        assert told in error_of(answer)["message"]

"""The programs Hearth is compared with, on a tiny model: they start, answer, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from cluster.bench.contenders import Direct, EngineServer
from cluster.bench.serving import MODEL, silenced
from cluster.bench.streams import Job
from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from cluster.home import CATALOG, Home
from cluster.specs.catalog import Catalog
from cluster.weights import locate
from tests.deployments.fixtures.tiny_model import TinyModel
from tests.deployments.fixtures.tiny_model import tiny as tiny


@pytest.fixture(scope="session")
def spec(tiny: TinyModel) -> ReplicaSpec:
    return ReplicaSpec(
        model="tiny",
        kind=ModelKind.LLM,
        engine="llama_cpp",
        path=str(tiny.gguf),
        dtype="float32",
        device="cpu",
        budget_bytes=0,
        device_bytes=0,
        context_tokens=256,
        parallel=4,
        threads=1,
    )


def test_tokens_that_end_an_answer_are_silenced_so_that_every_answer_has_its_length(spec):
    job = Job(model="tiny", streams=2, requests=4, max_tokens=24, silenced=silenced(Path(spec.path)))
    assert job.silenced
    outcomes = []
    for contender in (Direct(spec), EngineServer(spec)):
        with contender:
            outcomes.append(contender.run(job))
            running = contender.processes()
        assert not [process for process in running if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert [(outcome.tokens, outcome.errors) for outcome in outcomes] == [(4 * 24, ()), (4 * 24, ())]
    assert all(outcome.server_cpu_s > 0 for outcome in outcomes)


def test_a_program_that_does_not_start_says_why(spec):
    with (
        pytest.raises(EngineError, match=r"(?s)engine_server did not start.*cannot be read"),
        EngineServer(spec.model_copy(update={"path": "/nonexistent.gguf"})),
    ):
        pytest.fail("it started")


def test_the_model_of_ours_that_is_benched_has_tokens_to_silence():
    model = Catalog.load(CATALOG).get(MODEL)
    variant = next(variant for variant in model.variants if variant.engine == "llama_cpp")
    path = locate(model, variant, Home(Path("/nonexistent")))
    assert path is not None
    assert silenced(path / str(variant.file))

"""What Serve raises, as callers see it."""

from __future__ import annotations

from ray.serve.exceptions import RayServeException

from cluster.errors import EngineError, NotFound, Unavailable
from cluster.serving.errors import translate


def test_a_serve_that_is_not_found_may_be_asked_again_soon():
    error = translate(RayServeException("There is no Serve instance running on this Ray cluster."), "nano")
    assert isinstance(error, Unavailable)
    assert (error.status, "retry in 5 s" in error.message) == (503, True)


def test_what_a_replica_raised_stays_what_it_is_and_the_unknown_names_the_model():
    assert isinstance(translate(NotFound("There is none."), "nano"), NotFound)
    unknown = translate(ValueError("odd"), "nano")
    assert isinstance(unknown, EngineError)
    assert "nano" in unknown.message

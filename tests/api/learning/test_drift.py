"""Recent questions and feedback against what was trained on and said before."""

from __future__ import annotations

import uuid

from cluster.contracts.perception import EmbeddingRequest
from tests.api.learning.conftest import Learned, sentences
from tests.organisations import new_organisation

AGREED = {"consent_to_learning": True}


async def test_the_same_questions_are_steady_and_others_have_drifted(ask, editor, learned):
    await learned.serve(questions=sentences(30, "sum"))
    await learned.chat(*sentences(30, "sum"), metadata=AGREED)
    told = await ask(editor, "drift")
    assert (told["base"], told["adapter"], told["version"], told["notes"]) == ("nano", "nano:sums@1", 1, [])
    assert (told["texts"]["trained"], told["texts"]["recent"], told["texts"]["finding"]) == (30, 30, "steady")
    assert (told["texts"]["level"], told["embedding_model"] is not None) == (0.01, True)
    await learned.chat(*["What does wool cost?"] * 40, metadata=AGREED)
    drifted = (await ask(editor, "drift"))["texts"]
    assert (drifted["recent"], drifted["finding"]) == (40, "drifted")
    assert drifted["p"] < drifted["level"]


async def test_only_words_that_may_be_learned_from_are_read(ask, editor, gateway, learned):
    await learned.serve(questions=sentences(20, "sum"))
    await learned.chat(*sentences(20, "secret"))
    await learned.chat(*sentences(20, "secret"), metadata={"consent_to_learning": False})
    await learned.chat(*sentences(20, "secret"), metadata=AGREED, author=await other(learned))
    await learned.chat(*sentences(20, "secret"), metadata=AGREED, served_by="mega")
    told = await ask(editor, "drift")
    assert (told["texts"]["recent"], told["texts"]["finding"]) == (0, "too_few")
    assert "consent_to_learning" in told["notes"][0]
    assert not any("secret" in str(one.inputs) for one in gateway.asked_for(EmbeddingRequest))


async def other(learned: Learned) -> uuid.UUID:
    """Somebody else, who takes part."""
    return (await new_organisation(learned.database))[1]


async def test_a_dataset_with_words_that_were_taken_back_is_not_read(ask, editor, gateway, learned):
    await learned.mark(await learned.serve(questions=sentences(20, "sum")))
    await learned.chat(*sentences(20, "sum"), metadata=AGREED)
    told = await ask(editor, "drift")
    assert told["texts"] is None
    assert "taken back" in told["notes"][0]
    assert gateway.asked_for(EmbeddingRequest) == []


async def test_feedback_is_compared_with_as_many_days_before(ask, editor, learned):
    await learned.serve(questions=[])
    await learned.thumbs(90, 10, days=10)
    await learned.thumbs(50, 50, days=1)
    rates = (await ask(editor, "drift"))["rates"]
    assert (rates["approval"]["finding"], rates["approval"]["before"]["share"], rates["approval"]["now"]["share"]) == ("drifted", 0.9, 0.5)
    assert rates["discarded"]["finding"] == "too_few"


async def test_without_an_adapter_in_service_feedback_is_still_compared_where_the_base_is_named(ask, editor, learned):
    await learned.thumbs(9, 1)
    told = await ask(editor, "drift", base="nano")
    assert (told["adapter"], told["texts"], told["rates"]["approval"]["now"]["count"]) == (None, None, 10)
    assert "No adapter of 'nano' is in service" in told["notes"][0]

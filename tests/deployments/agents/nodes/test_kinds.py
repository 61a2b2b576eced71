from __future__ import annotations

import pytest

from cluster.contracts.perception import TextExtractionRequest, TranscriptionRequest
from cluster.settings import IngestSettings
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec
from tests.deployments.agents.place import Place
from tests.pipelines.conftest import pdf_file


async def test_text_is_read_from_a_picture(place: Place) -> None:
    place.files.bytes_of["scan.png"] = b"\x89PNG12345"

    assert await place.gives("nodes: {a: {kind: vision, image: \"'scan.png'\"}}") == {"a": "9 bytes of png"}


async def test_a_pdf_has_its_text_and_scanned_pages_are_read_from_their_picture(place: Place) -> None:
    place.files.bytes_of["book"] = pdf_file(3, scanned=frozenset({2}))
    state = await place.gives("nodes: {a: {kind: vision, image: \"'book'\"}}")

    assert state["a"].count("The lighthouse keeper lit the lamp at dusk.") == 2
    assert "bytes of jpeg" in state["a"]
    assert len(place.gateway.asked_for(TextExtractionRequest)) == 1


async def test_more_scanned_pages_than_are_read_are_said_and_not_left_out(place: Place) -> None:
    place.files.bytes_of["book"] = pdf_file(3, scanned=frozenset({1, 2, 3}))
    place.settings = place.settings.model_copy(update={"ingest": IngestSettings(ocr_pages=2)})
    run = await place.run("nodes: {a: {kind: vision, image: \"'book'\"}}")

    assert run.error is not None
    assert "More than 2 of its pages are scanned (setting ingest.ocr_pages)" in run.error


async def test_a_damaged_pdf_is_said(place: Place) -> None:
    place.files.bytes_of["book"] = b"%PDF-1.7 and no more"
    run = await place.run("nodes: {a: {kind: vision, image: \"'book'\"}}")

    assert run.error == "Node 'a' failed: It is a PDF that is damaged or cut off."


async def test_a_picture_becomes_a_vector(place: Place) -> None:
    place.files.bytes_of["scan.png"] = b"\x89PNG12345"
    state = await place.gives("nodes: {a: {kind: vision, do: embed, image: \"'scan.png'\"}}")

    assert len(state["a"]) == 8


async def test_speech_becomes_text(place: Place) -> None:
    place.files.bytes_of["note.wav"] = b"RIFF1234"
    state = await place.gives("nodes: {a: {kind: audio, audio: \"'note.wav'\", language: de}}")

    assert state["a"]["text"] == "8 bytes of wav."
    assert state["a"]["language"] == "de"
    assert state["a"]["segments"] == [{"start": 0.0, "end": 3.0, "text": "8 bytes of wav."}]
    assert place.gateway.asked_for(TranscriptionRequest)[0].model == "fake-whisper"


async def test_a_file_that_is_not_there_is_said(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: vision, image: \"'nowhere.png'\"}}")

    assert run.error == "Node 'a' failed: There is no 'nowhere.png'."


async def test_texts_become_vectors(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: embed, texts: \"['one', 'two words']\"}}")

    assert run.output is not None
    assert [len(row) for row in run.output["state"]["a"]] == [8, 8]
    assert run.prompt_tokens == 3


async def test_passages_are_found(place: Place) -> None:
    place.shelf.passages = {"hens": ["Hens lay eggs."], "geese": ["Geese fly."]}
    state = await place.gives("nodes: {a: {kind: retrieve, query: input.q, collections: [hens], limit: 3}}", {"q": "eggs?"})

    assert state["a"] == [{"number": 1, "text": "Hens lay eggs.", "collection": "hens"}]
    assert place.shelf.asked == [("eggs?", ("hens",), 3)]


async def test_collections_may_be_named_by_an_expression_or_not_at_all(place: Place) -> None:
    place.shelf.passages = {"hens": ["a"], "geese": ["b"]}
    await place.gives("nodes: {a: {kind: retrieve, query: \"'x'\", collections: input.where}}", {"where": ["geese"]})
    await place.gives("nodes: {a: {kind: retrieve, query: \"'x'\"}}")

    assert [asked[1] for asked in place.shelf.asked] == [("geese",), None]


async def test_a_tool_is_called_with_values_and_expressions(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: tool, tool: counter_add, arguments: {name: hens, by: '= input.n'}}}", {"n": 3})

    assert run.output == {"state": {"a": {"count": 3}}}
    ((_, _, caller),) = place.tools.calls
    assert (caller.organisation_id, caller.user_id, caller.role) == (place.organisation_id, place.owner_id, "editor")
    assert (caller.key, caller.workspace, caller.run_id) == (f"{run.id}:a#1", f"run-{run.id}", run.id)


async def test_a_tool_that_is_not_there_is_said(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: tool, tool: counter_ad}}")

    assert run.error == "Node 'a' failed: There is no tool 'counter_ad'; did you mean 'counter_add'?"


async def test_a_tool_needs_what_its_caller_may_do(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: tool, tool: mail_send, approve: false, arguments: {to: Mira}}}", role="viewer")

    assert run.error is not None
    assert "needs the role 'editor'" in run.error


async def test_several_values_see_the_state_as_it_was(place: Place) -> None:
    state = await place.gives(
        "nodes: {a: {kind: transform, set: {x: '1', y: '2'}, then: b}, b: {kind: transform, set: {x: state.y, y: state.x}}}"
    )

    assert state == {"x": 2, "y": 1}


@pytest.mark.parametrize(("n", "way"), [(5, "small"), (50, "large"), (500, "other")])
async def test_a_router_takes_the_first_way_that_is_open(place: Place, n: int, way: str) -> None:
    state = await place.gives(
        """
        nodes:
          which: {kind: router, then: [{to: small, when: input.n < 10}, {to: large, when: input.n < 100}, other]}
          small: {kind: transform, value: "1"}
          large: {kind: transform, value: "1"}
          other: {kind: transform, value: "1"}
        """,
        {"n": n},
    )

    assert state == {way: 1}


async def test_a_model_chooses_the_way(place: Place) -> None:
    place.gateway.scripted = ['{"to": "letter"}']
    state = await place.gives(
        """
        nodes:
          which: {kind: router, choose: "A letter: {{ input.text }}", then: [bill, letter]}
          bill: {kind: transform, description: Something to pay., value: "1"}
          letter: {kind: transform, value: "1"}
        """,
        {"text": "Dear Mira"},
    )

    assert state == {"letter": 1}


async def test_a_value_is_guarded(place: Place) -> None:
    state = await place.gives("nodes: {a: {kind: guard, value: input.text, guard: {pii: {}}}}", {"text": "I am mira@example.org."})

    assert "mira@example.org" not in state["a"]


async def test_what_does_not_pass_has_failed(place: Place) -> None:
    run = await place.run(
        "nodes: {a: {kind: guard, value: input.text, guard: {pii: {do: refuse}}, on_error: b}, b: {kind: transform, value: \"'refused'\"}}",
        {"text": "I am mira@example.org."},
    )

    assert run.output is not None
    assert run.output["state"]["b"] == "refused"
    assert "mira@example.org" not in run.output["state"]["error"]


async def test_a_result_without_what_a_database_takes_is_kept(place: Place) -> None:
    async def odd(arguments: object, caller: ToolCaller) -> ToolResult:
        return ToolResult("a\x00b\ud800c", "odd")

    place.tools.add(ToolSpec("odd", "Odd", "", {"type": "object"}, "test"), odd)
    state = await place.gives("nodes: {a: {kind: tool, tool: odd}}")

    assert state["a"] == "a\ufffdb\ufffdc"

"""Text that only a model can read is put where it belongs."""

from __future__ import annotations

import pytest

from cluster.errors import Unavailable, Unprocessable, UnsupportedMedia
from pipelines.stages.parse import parse
from pipelines.stages.recognise import Recognisers, recognise
from tests.pipelines.conftest import pdf_file, picture


def test_scanned_pages_get_their_text_in_the_order_of_pages(process, limits):
    content = pdf_file(3, scanned=frozenset({2}))
    seen = list[bytes]()

    def read(image: bytes) -> str:
        seen.append(image)
        return "What the picture says."

    found = recognise(content, parse(content, "application/pdf", limits), Recognisers(picture=read), process, limits)
    assert [image[:3] for image in seen] == [b"\xff\xd8\xff"]
    assert [piece.page for piece in found.pieces] == sorted(piece.page for piece in found.pieces if piece.page is not None)
    assert [piece.text for piece in found.pieces if piece.page == 2] == ["What the picture says."]
    assert found.waiting == ()


def test_one_picture_that_cannot_be_read_is_said_and_the_others_taken(process, limits):
    content = pdf_file(2, scanned=frozenset({1}))

    def read(image: bytes) -> str:
        raise Unprocessable("It is all black.")

    found = recognise(content, parse(content, "application/pdf", limits), Recognisers(picture=read), process, limits)
    assert found.cautions == ("Page 1: It is all black.",)
    assert {piece.page for piece in found.pieces} == {2}


def test_without_a_model_images_and_sound_are_not_supported(process, limits):
    for content, media in ((picture(), "image/png"), (b"ID3", "audio/mpeg")):
        with pytest.raises(UnsupportedMedia, match="no model is configured"):
            recognise(content, parse(content, media, limits), Recognisers(), process, limits)


def test_an_image_and_a_sound_are_given_as_they_are(process, limits):
    models = Recognisers(picture=lambda data: f"{len(data)} bytes", sound=lambda data: data.decode())
    content = picture()
    assert recognise(content, parse(content, "image/png", limits), models, process, limits).pieces[0].text == f"{len(content)} bytes"
    assert recognise(b"said", parse(b"said", "audio/mpeg", limits), models, process, limits).pieces[0].text == "said"


def test_a_picture_without_text_leaves_nothing(process, limits):
    with pytest.raises(Unprocessable, match="no text"):
        recognise(b"", parse(b"", "image/png", limits), Recognisers(picture=lambda _: " "), process, limits)


def test_trouble_of_the_cluster_passes_through(process, limits):
    def read(image: bytes) -> str:
        raise Unavailable("The model is loading; retry in 5 s.")

    with pytest.raises(Unavailable):
        recognise(b"", parse(b"", "image/png", limits), Recognisers(picture=read), process, limits)

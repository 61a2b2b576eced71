from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.errors import ModelNotFound
from cluster.home import Home
from cluster.learning.adapters.manifest import Bundle, Entry, Manifest, Manifests, Route, manifest_path, share_of, write_manifest
from cluster.learning.releases.entry import ReleaseEntry


def entry(name: str, version: int = 1, organisation: str = "o", *, named: bool = True) -> Entry:
    return Entry(
        id=f"{organisation}-{name}-{version}", organisation=organisation, name=name, version=version, folder="/", named=named, warm=False
    )


BOOK = Manifest(
    base="nano",
    adapters=(entry("a", 2, named=False), entry("a", 1), entry("b"), entry("a", 1, "p")),
    routes={"o": Route(default="o-b-1")},
)


def test_a_name_means_the_version_in_service_and_a_version_itself():
    assert BOOK.named("o", "a") == entry("a", 1)
    assert BOOK.named("o", "a@2") == entry("a", 2, named=False)
    assert BOOK.named("o", "o-a-2") == entry("a", 2, named=False)
    assert BOOK.named("o", "a@3") is None


def test_an_organisation_has_its_own_only():
    assert BOOK.named("p", "a") == entry("a", 1, "p")
    assert BOOK.named("p", "o-a-1") is None
    with pytest.raises(ModelNotFound, match="GET /v1/models"):
        BOOK.choose("q", "a", "")
    with pytest.raises(ModelNotFound, match="did you mean 'nano:b'"):
        BOOK.choose("o", "bb", "")


def test_the_base_means_what_was_promoted_and_its_own_name_the_model():
    assert BOOK.choose("o", None, "") == Bundle(entry("b"))
    assert BOOK.choose("p", None, "") == Bundle()
    assert BOOK.choose("o", "base", "") == Bundle()


def test_a_share_is_even_sticky_and_independent_of_another_canary():
    people = [f"user-{number}" for number in range(4000)]
    one = {person for person in people if share_of("one", person) < 10}
    other = {person for person in people if share_of("other", person) < 10}
    assert 0.085 < len(one) / len(people) < 0.115
    assert 0.005 < len(one & other) / len(people) < 0.02
    assert one == {person for person in people if Route(canary="one", percent=10).tries(person)}
    assert one == {person for person in people if Route(canary="a", canary_release="one", percent=10).tries(person)}
    wider = {person for person in people if Route(canary="one", percent=30).tries(person)}
    assert one < wider
    assert not Route(default="d", canary="one", percent=0).tries("x")
    assert Route(default="d", canary="one", percent=100).tries("x")


def released(name: str, adapter: str | None = None, organisation: str = "o") -> ReleaseEntry:
    return ReleaseEntry(id=f"r-{name}", organisation=organisation, name=name, version=1, adapter=adapter, prompt=name, named=True)


def routed(**fields) -> Manifest:
    releases = (released("whole", "o-a-1"), released("half", "o-gone-1"), released("theirs", organisation="p"))
    return BOOK.model_copy(update={"releases": releases, "routes": {"o": Route(**fields)}})


def test_a_release_answers_with_all_of_it_or_not_at_all():
    whole = Bundle(entry("a", 1), released("whole", "o-a-1"))
    book = routed(default="o-a-1", release="r-whole", canary="o-gone-1", canary_release="r-half", percent=100)
    assert book.choose("o", None, "") == whole == book.choose("o", "release:whole", "") == book.choose("o", "release:whole@1", "")
    assert routed(release="r-gone").choose("o", None, "") == Bundle()
    assert routed(canary="o-a-1", canary_release="r-whole", percent=100).choose("o", None, "") == whole
    for nobodys in ("release:half", "release:theirs", "release:whole@2", "release:"):
        with pytest.raises(ModelNotFound):
            book.choose("o", nobodys, "")


def test_what_is_written_is_read_at_the_next_look(tmp_path: Path):
    home = Home(tmp_path)
    books = Manifests(home)
    assert books.of("nano") == Manifest(base="nano")
    assert write_manifest(home, BOOK) is True
    assert write_manifest(home, BOOK) is False
    assert books.of("nano") == BOOK
    assert books.of("nano") is books.of("nano")
    write_manifest(home, Manifest(base="nano"))
    assert books.of("nano").adapters == ()
    assert [path.name for path in home.adapters.iterdir()] == ["nano.json"]


def test_a_file_that_cannot_be_read_leaves_what_held_before(tmp_path: Path):
    home = Home(tmp_path)
    books = Manifests(home)
    write_manifest(home, BOOK)
    assert books.of("nano") == BOOK
    manifest_path(home, "nano").write_text("{")
    assert books.of("nano") == BOOK


def test_a_name_leads_nowhere_else(tmp_path: Path):
    outside = tmp_path / "outside.json"
    outside.write_text(BOOK.model_dump_json())
    home = Home(tmp_path / "home")
    os.makedirs(home.adapters)  # noqa: PTH103 - a test
    assert Manifests(home).of("../../outside").adapters == ()

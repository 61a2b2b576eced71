from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.specs.yaml_text import Text, place, read_text

MIB = 2**20


def read(text: str) -> Text:
    return read_text(text, "own.yaml", MIB)


def refused(text, most=MIB) -> str:
    with pytest.raises(ConfigError) as caught:
        read_text(text, "own.yaml", most)
    return caught.value.message


def test_every_key_has_its_line():
    lines = read("a: 1\nb:\n  - c: x\n    d: |\n      long\n  - y\n").lines
    assert [lines["a",], lines["b",], lines["b", 0, "c"], lines["b", 0, "d"], lines["b", 1]] == [1, 2, 3, 4, 6]


def test_the_line_of_what_is_not_there_is_that_of_what_it_is_in():
    lines = read("a: 1\nb:\n  c: x\n").lines
    assert place(lines, ("b", "c", "nothing", 3)) == 3
    assert place(lines, ("b", "nothing")) == 2
    assert place({}, ("b",)) is None


def test_words_that_yaml_once_took_for_true_and_times_stay_texts():
    data = read("a: yes\nb: off\nc: true\nd: 2020-01-01\ne: 12:30:00\nf: ~\ng: 1.5\nh: 7\ni: '7'\nj: 1e3\n").data
    assert data == {
        "a": "yes", "b": "off", "c": True, "d": "2020-01-01", "e": "12:30:00", "f": None, "g": 1.5, "h": 7, "i": "7", "j": 1000.0,
    }  # fmt: skip


def test_json_is_read_with_its_lines():
    read_ = read('{\n  "a": {"b": "on"},\n  "c": [1, 2.5, null]\n}')
    assert read_.data == {"a": {"b": "on"}, "c": [1, 2.5, None]}
    assert (read_.lines["a", "b"], read_.lines["c",]) == (2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "own.yaml:3: the key 'a' stands twice"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("a: [1\nb: 2", "own.yaml:2: not valid YAML"),
        ('{"a": 1,\n}', "own.yaml:2: not valid JSON"),
        ('{"a": NaN}', "NaN is not a number"),
        ("a: !!python/object:os.system x", "the tag 'tag:yaml.org,2002:python/object:os.system' is not supported"),
        ("a: &b {c: 1}\nd:\n  <<: *b\n", "own.yaml:3: '<<' is not supported"),
        ("? [a]\n: 1", "own.yaml:1: a key is a text"),
        ("", "there is nothing in it"),
        ("# only a comment\n", "there is nothing in it"),
        ("[" * 100_000, "nested more than 48 levels deep"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested more than 48 levels deep"),
        ('{"a":' * 100_000, "own.yaml: not valid JSON"),
        ("a: &a [*a]", "what its anchors and aliases stand for is too large"),
        ("a: \x00", "own.yaml: not valid YAML"),
    ],
)
def test_what_is_not_to_be_read_is_refused_in_one_line(text, said):
    message = refused(text)
    assert said in message
    assert "\n" not in message


def test_a_small_text_cannot_stand_for_a_large_one():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "what its anchors and aliases stand for is too large" in refused("\n".join(rows), most=64 * 1024)


def test_aliases_that_make_little_are_allowed():
    assert read("a: &a {x: 1}\nb: *a\n").data == {"a": {"x": 1}, "b": {"x": 1}}


def test_a_text_over_the_limit_names_the_setting():
    assert "graphs.spec_bytes" in refused("a: " + "x" * 2000, most=1024)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"#?,\n \t0", max_size=120)))
def test_any_text_is_read_or_refused(text):
    try:
        data = read(text).data
    except ConfigError:
        return
    json.dumps(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, min_size=1, max_size=4))
def test_what_is_written_as_json_or_yaml_is_read_as_it_was(data):
    written = json.dumps(data)
    assert read(written).data == data
    assume("\\u0085" not in written)  # an end of a line to libyaml, wherever it stands
    assert read(yaml.safe_dump(data, allow_unicode=True)).data == data

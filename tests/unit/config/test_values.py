"""Values of options: files, dicts and pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import json_values, names, texts

from ml_experiment.config.values import parse_mapping
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from pathlib import Path

READ: dict[str, dict[str, object]] = {
    "C=10": {"C": 10},
    "C=10; kernel=rbf": {"C": 10, "kernel": "rbf"},
    "C = 1e-4 ;kernel = 'a; b' ; ": {"C": 0.0001, "kernel": "a; b"},
    "a=true;b=True;c=no;d=null;e=None": {
        "a": True,
        "b": True,
        "c": "no",
        "d": None,
        "e": None,
    },
    "sizes=[1, 2]; d={'a': 1}": {"sizes": [1, 2], "d": {"a": 1}},
    'd={"a": true}': {"d": {"a": True}},
    "betas=(0.9, 0.999)": {"betas": [0.9, 0.999]},
    "x=1,2": {"x": "1,2"},
    "path=/data/x=1.csv": {"path": "/data/x=1.csv"},
    "url=http://a:b@c/?q=1": {"url": "http://a:b@c/?q=1"},
    r"d={'\\': 1}; e='\';'; C=1": {"d": {"\\": 1}, "e": "';", "C": 1},
    "a={',b=': 1}": {"a": {",b=": 1}},
    "note=don't; C=1": {"note": "don't", "C": 1},
    "a=''": {"a": ""},
    "a=-.inf": {"a": -float("inf")},
    "C=loguniform(0.01, 1000); k=choice(['a;', 'b'])": {
        "C": "loguniform(0.01, 1000)",
        "k": "choice(['a;', 'b'])",
    },
    "{'C': 10, \"k\": ('a', None)}": {"C": 10, "k": ["a", None]},
    "{'C': true, 'd': null}": {"C": True, "d": None},
    '{"a": "\\/", "b": 1e-4}': {"a": "\\/", "b": 0.0001},
    "{C: 10, kernel: rbf}": {"C": 10, "kernel": "rbf"},
    "{'C': uniform(0, 1)}": {"C": "uniform(0, 1)"},
    "{}": {},
    "  {'a': {'b': [1]}}  ": {"a": {"b": [1]}},
}

REFUSED = {
    "": "got no text",
    "   ": "got no text",
    "C": "C=10",
    "C;k=1": "name=value",
    "=5": "name=value",
    "a b=5": "name=value",
    "C=": "got no value",
    "C=1; C=2": "twice",
    "C=10,k=rbf": "semicolon",
    "C=[a, b]": "quotes",
    "C=[1": "cannot be read",
    "C=[1, 2; 3]; k=1": "cannot be read",
    "{'a': 1, 'a': 2}": "twice",
    "{1: 2}": "keys are text",
    "{'a': open('x')}": "nothing is called",
    "{'a': rbf}": "'rbf'",
    "{'a': 1": "cannot be read",
    "{'a', 'b'}": "plain values",
    "{'a': b'x'}": "plain values",
    "{**{}}": "keys are text",
    "nope.yaml": "no such file",
    "some/where.json": "no such file",
    "C=" + "9" * 3000: "digits",
    "C=1e999": "too large",
    "C='\\ud800'": "cannot be read",
}


@pytest.mark.parametrize("text", READ)
def test_a_mapping_is_read(text: str) -> None:
    """Each spelling gives its values."""
    assert parse_mapping(text, "--params") == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """The message names the option and says what is wrong."""
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "--params")

    assert caught.value.source == "--params"
    assert REFUSED[text] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.yaml", "C: 1e-4\nk: on\n"),
        ("p.json", '{"C": 1e-4, "k": "on"}'),
        ("p", "C: 1e-4\nk: on\n"),
        ("p=1; q.yaml", "C: 1e-4\nk: on\n"),
    ],
)
def test_a_file_is_read(tmp_path: Path, name: str, text: str) -> None:
    """An existing file is a file, whatever it is called."""
    (tmp_path / name).write_text(text)

    found = parse_mapping(str(tmp_path / name), "--params")

    assert found == {"C": 0.0001, "k": "on"}


def test_an_error_in_a_file_has_its_line(tmp_path: Path) -> None:
    """The file is named, with the line, as a config file is."""
    path = tmp_path / "p.yaml"
    path.write_text("C: 1\nC: 2\n")

    with pytest.raises(ConfigError, match="twice") as caught:
        parse_mapping(str(path), "--params")

    assert (caught.value.source, caught.value.line) == (str(path), 2)


@pytest.mark.parametrize("text", ["- 1\n", "", "x\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """A list has no names."""
    path = tmp_path / "p.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match="names with values") as caught:
        parse_mapping(path, "--params")

    assert "--params" in str(caught.value)


@given(st.dictionaries(texts, json_values, max_size=4))
def test_a_python_dict_is_read_as_python_reads_it(value: dict[str, Any]) -> None:
    """What `repr` writes is read back."""
    assert parse_mapping(repr(value), "--params") == value


@given(st.dictionaries(names, json_values, max_size=4))
def test_pairs_are_read_as_python_reads_their_values(value: dict[str, Any]) -> None:
    """Values are literals first: quotes and brackets protect semicolons."""
    text = "; ".join(f"{name}={each!r}" for name, each in value.items())
    if text:
        assert parse_mapping(text, "--params") == value


@given(st.text() | st.text("ab=;,'\"{}[]() \\1.:#", max_size=40))
def test_arbitrary_text_raises_nothing_but_config_errors(text: str) -> None:
    """Whatever is typed, the answer is a mapping or an error for people."""
    try:
        found = parse_mapping(text, "--params")
    except ConfigError as error:
        assert error.source  # noqa: PT017 - an error is one of two right answers
    else:
        assert all(isinstance(name, str) for name in found)

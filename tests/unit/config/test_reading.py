"""Reading YAML and JSON: values, lines, and whatever may be wrong with a file."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies import json_values, texts

from ml_experiment.config.positions import dotted
from ml_experiment.config.reading import parse_text, read_file
from ml_experiment.config.scalars import parse_scalar
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from pathlib import Path


SCALARS = {
    "1": 1,
    "-7": -7,
    "+7": 7,
    "007": 7,
    "0o17": 15,
    "0x1F": 31,
    "1e-4": 0.0001,
    "1E5": 100000.0,
    ".5": 0.5,
    "1.": 1.0,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "true": True,
    "False": False,
    "~": None,
    "": None,
    "null": None,
    "yes": "yes",
    "on": "on",
    "no": "no",
    "1_000": "1_000",
    "12:30:45": "12:30:45",
    "2020-01-31": "2020-01-31",
    "1.2.3": "1.2.3",
    "0b1": "0b1",
    "e4": "e4",
    "٣": "٣",
}

YAML_WRONG = [
    ("a: 1\n\tb: 2\n", 2, "tab"),
    ("a:\n\t- 1\n", 2, "tab"),
    ("a: b: c\n", 1, "in quotes"),
    ("x: 1\na: [1, 2\n", 2, "not closed"),
    ("x: 1\na: {b: 1\n", 2, "not closed"),
    ("x: 1\na: 'text\n\n", 2, "does not end"),
    ("a: 1\nb\nc: 2\n", 2, "':' is missing"),
    ("a: 1\n  b: 2\n", 2, "':'"),
    ("a: @x\n", 1, "special character"),
    ("a: `x`\n", 1, "special character"),
    ("a: *x\n", 1, "no anchor &x"),
    ("a: &a [*a]\n", 1, "no anchor &a"),
    ("a: 1\nb: 2\na: 3\n", 3, "twice"),
    ("a:\n  b: 1\n  b: 1\n", 3, "twice"),
    ("1: x\n", 1, 'in quotes: "1"'),
    ("true: x\n", 1, 'in quotes: "true"'),
    ("~: x\n", 1, "keys are text"),
    ("? [a]\n: x\n", 1, "keys are text"),
    ("a: 1\n---\nb: 1\n", 2, "second document"),
    ("a: !!python/object:os.system x\n", 1, "tag"),
    ("a: !mine x\n", 1, "tag"),
    ("a: !!int x\n", 1, "integer"),
    ("a: !!set {x}\n", 1, "tag"),
    ("<<: 5\n", 1, "mapping"),
    ("a: 1e999\n", 1, "too large"),
    ("a: " + "9" * 5000 + "\n", 1, "thousand digits"),
    ("a: 0x" + "f" * 5000 + "\n", 1, "thousand digits"),
    ("a: \x01\n", 1, "control character"),
    ("a: " + "[" * 2000 + "\n", 1, "levels deep"),
    ('a: "\\ud800"\n', 1, "Unicode"),
]

JSON_WRONG = [
    ("{'a': 1}", 1, "double quotes"),
    ("{a: 1}", 1, "double quotes"),
    ('{\n"a": 1,\n}', 3, "',' stands before"),
    ('{"a": 1 "b": 2}', 1, "','"),
    ('{"a" 1}', 1, "':'"),
    ('{"a": rbf}', 1, "double quotes"),
    ('{"a": 01}', 1, "value"),
    ('{"a":\n', 2, "the end"),
    ('{"a": "x}', 1, "does not end"),
    ('{"a": "x\ny"}', 1, "line break"),
    ('{"a": "\\q"}', 1, "\\"),
    ('{"a": 1} x', 1, "after the end"),
    ('{"a": 1,\n"a": 2}', 2, "twice"),
    ('{"a": 1e999}', 1, "too large"),
    ('{"a": "\\ud800"}', 1, "Unicode"),
    ("[" * 9999, 1, "levels deep"),
    ("// comment\n{}", 1, "value"),
]


def _short(value: object) -> str | None:
    return repr(value[:24]) if isinstance(value, str) else None


@pytest.mark.parametrize("text", SCALARS)
def test_unquoted_words_mean_what_yaml_1_2_says(text: str) -> None:
    """Numbers are numbers, and nothing is a date or a boolean by surprise."""
    value = parse_scalar(text)

    assert value == SCALARS[text]
    assert type(value) is type(SCALARS[text])


def test_quotes_make_text() -> None:
    """A quoted number is text."""
    document = parse_text(
        "a: '1'\nb: \"true\"\nc: |\n  null\nd: !!str 5\ne: !!float 5\n"
    )

    assert document.value == {"a": "1", "b": "true", "c": "null\n", "d": "5", "e": 5.0}


def test_lines_are_those_of_the_file() -> None:
    """Keys and list items know where they stand, comments or not."""
    document = parse_text("# c\na: 1\n\nb:\n  - x\n  - {c: 1,\n     d: 2}\n")

    lines = {dotted(path): line for path, line in document.lines.items()}

    assert lines == {"a": 2, "b": 4, "b[0]": 5, "b[1]": 6, "b[1].c": 6, "b[1].d": 7}


def test_lines_of_json_are_those_of_the_file() -> None:
    """JSON has lines as well."""
    document = parse_text('{\n"a": 1,\n"b": [\n1,\n{"c": 2}]}', is_json=True)

    lines = {dotted(path): line for path, line in document.lines.items()}

    assert lines == {"a": 2, "b": 3, "b[0]": 4, "b[1]": 5, "b[1].c": 5}


def test_aliases_and_merged_mappings_are_read() -> None:
    """What is there already wins over what is merged, and of those the first."""
    document = parse_text(
        "one: &one {a: 1, b: 1}\n"
        "two: &two {b: 2, c: 2}\n"
        "three:\n  <<: [*one, *two]\n  a: 3\n"
        "four: *one\n"
    )

    assert isinstance(document.value, dict)
    assert document.value["three"] == {"a": 3, "b": 1, "c": 2}
    assert document.value["four"] == {"a": 1, "b": 1}
    assert document.lines["three", "a"] == 5
    assert document.lines["three", "c"] == 2


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"], ids=["aliases", "merges"])
def test_a_bomb_of_aliases_is_refused(form: str) -> None:
    """Ten lines that mean billions of values are refused at once."""
    first = "a0: &a0 {x: 1}\n"
    lines = [
        f"a{n}: &a{n} " + form.format(", ".join([f"*a{n - 1}"] * 10)) + "\n"
        for n in range(1, 12)
    ]

    with pytest.raises(ConfigError, match=r"more than 100000 values"):
        parse_text(first + "".join(lines))


def test_a_long_chain_of_aliases_is_refused() -> None:
    """Depth by aliases is depth as well."""
    lines = [f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 3000)]

    with pytest.raises(ConfigError, match=r"deep|100000 values"):
        parse_text("a0: &a0 {x: 1}\n" + "".join(lines))


@pytest.mark.parametrize(("text", "line", "words"), YAML_WRONG, ids=_short)
def test_wrong_yaml_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """Each mistake has its line and plain words."""
    with pytest.raises(ConfigError) as caught:
        parse_text(text)

    assert caught.value.line == line
    assert words in str(caught.value)


@pytest.mark.parametrize(("text", "line", "words"), JSON_WRONG, ids=_short)
def test_wrong_json_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """Each mistake has its line and plain words."""
    with pytest.raises(ConfigError) as caught:
        parse_text(text, is_json=True)

    assert caught.value.line == line
    assert words in str(caught.value)


@given(json_values)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    """Our reader differs in knowing lines, and in nothing else."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        assert parse_text(text, is_json=True).value == value


@given(st.dictionaries(texts, json_values, max_size=4))
def test_json_is_yaml(value: object) -> None:
    """A JSON file that is called .yaml is read alike, but for what YAML cannot hold."""
    text = json.dumps(value)
    if "\\ud8" in text or "\\ud9" in text or "\\uda" in text or "\\udb" in text:
        return  # in YAML, an escape is one whole character
    try:
        document = parse_text(text)
    except ConfigError as error:
        assert "control" in error.problem  # noqa: PT017 - the one thing allowed to fail
        return

    assert document.value == value


@given(st.text(), st.booleans())
def test_arbitrary_text_raises_nothing_but_config_errors(
    text: str, is_json: bool
) -> None:
    """Whatever is in a file, the answer is a value or an error for people."""
    try:
        parse_text(text, is_json=is_json)
    except ConfigError as error:
        assert error.problem  # noqa: PT017 - an error is one of two right answers


@given(st.text("ab:-[]{}&*!|>'\"#%@`,? \n\t<1.~", max_size=60))
def test_texts_of_yamls_own_characters_raise_nothing_but_config_errors(
    text: str,
) -> None:
    """The corners of the language are reached only by its own characters."""
    try:
        parse_text(text)
    except ConfigError as error:
        assert error.problem  # noqa: PT017 - an error is one of two right answers


@given(data=st.binary(max_size=80), suffix=st.sampled_from([".yaml", ".json", ""]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_raise_nothing_but_config_errors(
    tmp_path: Path, data: bytes, suffix: str
) -> None:
    """A file need not even be text."""
    path = tmp_path / f"job{suffix}"
    path.write_bytes(data)
    try:
        read_file(path)
    except ConfigError as error:
        assert error.source == str(path)  # noqa: PT017 - one of two right answers


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    """Windows editors put one at the beginning."""
    path = tmp_path / "job.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nrun: a.py\r\n")

    assert read_file(path).value == {"name": "x", "run": "a.py"}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """The message says what to do about it."""
    path = tmp_path / "job.yaml"
    path.write_bytes("a: 1\nname: ñandú\n".encode(encoding))

    with pytest.raises(ConfigError, match="UTF-8") as caught:
        read_file(path)

    assert caught.value.line == (2 if encoding == "latin-1" else None)


def test_a_missing_file_is_missed_by_its_neighbours(tmp_path: Path) -> None:
    """The name of a file like it is suggested."""
    (tmp_path / "svm.yaml").write_text("")

    with pytest.raises(ConfigError, match=r"no such file\n.*svm\.yaml"):
        read_file(tmp_path / "smv.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The message says so."""
    with pytest.raises(ConfigError, match="folder"):
        read_file(tmp_path)


def test_a_file_that_is_no_config_at_all_is_refused(tmp_path: Path) -> None:
    """A data set given by mistake is not read for minutes."""
    path = tmp_path / "data.yaml"
    path.write_text("- 1\n" * 1_000_000)

    with pytest.raises(ConfigError, match="bytes"):
        read_file(path)

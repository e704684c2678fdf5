"""Descriptions of data: equal data have equal digests, other data have others."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ml_experiment.sharing import describe, load_shared, share
from ml_experiment.sharing.content import Description


if TYPE_CHECKING:
    from pathlib import Path


def digest(value: Any) -> str | None:
    """Return the digest of a value as a whole."""
    return describe(value).digest


def test_the_parts_of_a_value_are_told_one_by_one() -> None:
    """Each array and table has its path, shape, dtype and size."""
    value = (np.zeros((4, 2)), {"labels": pd.Series([1, 2], dtype="int64")}, "note")

    found = describe(value)

    assert [(each.path, each.kind, each.shape) for each in found.entries] == [
        ("[0]", "array", [4, 2]),
        ("[1]['labels']", "series", [2]),
        ("[2]", "str", [4]),
    ]
    assert found.entries[0].dtype == "float64"
    assert found.entries[0].bytes == 64
    assert found.algorithm == "sha256"


def test_the_events_are_strict_json() -> None:
    """What the journal is given can be written by it."""
    value = {"t": pd.DataFrame({"a": [1.0], 2: ["x"]}), "s": sparse.eye_array(3)}

    for event in describe(value).events():
        assert json.loads(json.dumps(event, allow_nan=False)) == event


def test_a_value_without_arrays_is_one_entry() -> None:
    """Plain values are told as a whole."""
    (entry,) = describe([1, 2, 3]).entries

    assert (entry.path, entry.kind, entry.shape) == ("", "list", [3])
    assert entry.digest is not None


def test_many_arrays_are_told_as_one() -> None:
    """Ten thousand images do not make ten thousand entries."""
    images = [np.full(3, number) for number in range(10_000)]

    before = describe({"images": images})
    images[5_000][1] = 0
    after = describe({"images": images})

    assert [entry.path for entry in before.entries] == ["['images']"]
    assert before.entries[0].shape == [10_000]
    assert before.digest != after.digest


def _nested() -> Any:
    return {"a": [np.arange(3), {1, 2}], "b": ({"c": "text"}, None, 1.5, b"x")}


VALUES: dict[str, Any] = {
    "numbers": np.arange(6),
    "other numbers": np.arange(1, 7),
    "another shape": np.arange(6).reshape(2, 3),
    "turned": np.arange(6).reshape(3, 2).T,
    "another dtype": np.arange(6, dtype=np.int32),
    "the same bytes as floats": np.arange(6).view(np.float64),
    "a list": list(range(6)),
    "a tuple": tuple(range(6)),
    "texts": [str(number) for number in range(6)],
    "a table": pd.DataFrame({"a": np.arange(6)}),
    "another column name": pd.DataFrame({"b": np.arange(6)}),
    "another index": pd.DataFrame({"a": np.arange(6)}, index=range(1, 7)),
    "a series": pd.Series(np.arange(6)),
    "an index": pd.Index(np.arange(6)),
    "categories": pd.Series(list("ab"), dtype="category"),
    "their texts": pd.Series(list("ab")),
    "nested": _nested(),
    "one": 1,
    "one as float": 1.0,
    "truth": True,
    "nothing": None,
    "no text": "",
    "no bytes": b"",
}


def test_different_values_have_different_digests() -> None:
    """Shape, dtype, order, names and type all count."""
    digests = {name: digest(value) for name, value in VALUES.items()}

    assert None not in digests.values()
    assert len(set(digests.values())) == len(VALUES)


def test_what_means_the_same_has_the_same_digest() -> None:
    """The layout in memory, and where a set's items lie, do not count."""
    rows = np.arange(60.0).reshape(6, 10)

    assert digest(np.asfortranarray(rows)) == digest(rows)
    assert digest(rows[:, ::1].copy()) == digest(rows)
    assert digest(np.arange(10)[::2]) == digest(np.arange(0, 10, 2))
    assert digest({"b", "a", "c"}) == digest({"c", "a", "b"})
    assert digest(_nested()) == digest(_nested())
    masked = pd.array([1, None], dtype="Int64")
    masked_otherwise = pd.array([1, 5], dtype="Int64")
    masked_otherwise[1] = pd.NA
    assert digest(pd.Series(masked)) == digest(pd.Series(masked_otherwise))


def test_the_digest_of_an_array_is_what_it_always_was() -> None:
    """A digest in a record of last year must be found again."""
    assert digest(np.arange(3, dtype="<i8")) == PINNED_ARRAY
    assert digest({"a": [1, "x", None]}) == PINNED_DICT


PINNED_ARRAY = "ef29da97cc3eaf7a230cdada2c9d5451128d7b37dc37a5e5a3b403f260a7c6b0"
PINNED_DICT = "3e437de219a61d2dbbf6ea5f052023da1a6443f6657928271e3b4a5e04a43eff"


def test_shared_data_have_the_digest_of_the_original(tmp_path: Path) -> None:
    """A worker can check that it has what the driver had."""
    value = VALUES | {"sparse": sparse.random(9, 9, 0.3, random_state=0)}

    share(value, tmp_path)

    assert digest(load_shared(tmp_path)) == digest(value)


class Own:
    """A class of a user's."""

    def __init__(self, number: int) -> None:
        self.rows = np.arange(number)


def test_an_object_is_told_by_what_it_holds() -> None:
    """Arrays in a user's own object count."""
    assert digest(Own(3)) == digest(Own(3))
    assert digest(Own(3)) != digest(Own(4))


def test_what_cannot_be_told_is_said_to_be_missing() -> None:
    """A lock has no content; the arrays beside it are told all the same."""
    found = describe([np.arange(3), threading.Lock()])

    assert found.entries[0].digest is not None
    assert found.entries[1].digest is None
    assert found.digest is None


def test_a_generator_is_not_used_up() -> None:
    """Describing the data takes nothing from them."""
    numbers = (number for number in range(3))

    describe({"numbers": numbers, "X": np.arange(2)})

    assert list(numbers) == [0, 1, 2]


def test_a_value_that_holds_itself_is_described() -> None:
    """A cycle ends."""
    value: list[Any] = [np.arange(3)]
    value.append(value)

    assert isinstance(describe(value), Description)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_plain_value_can_be_described(value: Any) -> None:
    """Whatever JSON-like value: a digest, and the same again."""
    assert digest(value) is not None
    assert digest(value) == digest(value)


def test_describing_changes_nothing() -> None:
    """The bytes are the same afterwards, and arrays may still be written."""
    array = np.arange(5)

    describe({"X": array})
    array[0] = 7

    assert array.tolist() == [7, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [9_999, 10_000, 10_001, 25_000])
def test_long_lists_of_plain_values_are_hashed_in_pieces(count: int) -> None:
    """The last item counts, wherever the pieces end."""
    numbers = list(range(count))
    others = [*numbers[:-1], -1]

    assert digest(numbers) != digest(others)
    assert digest(numbers) != digest(numbers[:-1])


class Hostile:
    """Answers no question."""

    def __len__(self) -> int:
        raise RuntimeError("no")

    def __reduce_ex__(self, _: Any) -> Any:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


def test_describing_never_fails() -> None:
    """Whatever a user's type does, the run goes on."""
    found = describe({"X": np.arange(2), "odd": Hostile()})

    assert found.entries[1].kind == "Hostile"
    assert (found.entries[1].digest, found.digest) == (None, None)

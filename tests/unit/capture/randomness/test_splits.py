"""How the user's code splits its data is reported, and the split is none the wiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controlled, Controller
else:
    Controlled = Controller = Any

DATA = (
    "import numpy as np, pandas as pd, scipy.sparse as sp\n"
    "from sklearn.model_selection import *\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "X = np.arange(60.0).reshape(30, 2); y = np.arange(30) % 2\n"
).replace(
    "import *",
    "import (train_test_split, KFold, StratifiedKFold, GroupKFold, "
    "ShuffleSplit, TimeSeriesSplit, RepeatedKFold, LeaveOneOut, cross_val_score, "
    "GridSearchCV, StratifiedShuffleSplit, GroupShuffleSplit)",
)


def splits(result: Controlled) -> list[dict[str, Any]]:
    """Return the reported splits."""
    return [event for event in result.events if event["event"] == "split"]


def test_train_test_split_is_reported_with_options_sizes_and_digests(
    controlled: Controller,
) -> None:
    """One event: what was asked, how large the parts are, and what is in them."""
    script = DATA + (
        "def main():\n"
        "    train_test_split(X, y, test_size=0.2, random_state=1, stratify=y)\n"
        "    train_test_split(X, y, test_size=0.2, random_state=1, stratify=y)\n"
        "    train_test_split(X, y, test_size=0.2, random_state=2)\n"
    )

    first, again, other = splits(controlled(script))

    assert first["call"] == "train_test_split"
    assert first["options"] == {
        "test_size": "0.2",
        "random_state": "1",
        "stratify": "yes",
    }
    assert first["sizes"] == [24, 6, 24, 6]
    assert first["where"] == "train.py:6"
    assert first["parts"] == again["parts"]
    assert first["parts"] != other["parts"]
    assert other["options"]["stratify"] == "no"


def test_function_that_was_imported_by_its_name_before_us_is_seen(
    controlled: Controller,
) -> None:
    """A script may import scikit-learn first and the decorator last."""
    helper = (
        "import sys, types\n"
        "from sklearn.model_selection import train_test_split\n"
        "sys.modules['helper'] = types.ModuleType('helper')\n"
        "sys.modules['helper'].cut = train_test_split\n"
    )
    script = DATA + (
        "import helper\ndef main():\n    helper.cut(X, y, random_state=1)\n"
    )

    (found,) = splits(controlled(script, before=helper, observed=False))

    assert found["call"] == "train_test_split"


def test_what_is_no_module_may_be_among_the_modules(controlled: Controller) -> None:
    """Some libraries put an object there; the hook goes past it."""
    before = "import sys\nimport sklearn.model_selection\nsys.modules['nothing'] = object()\n"
    script = DATA + "def main(): train_test_split(X, y, random_state=1)\n"

    (found,) = splits(controlled(script, before=before, observed=False))

    assert found["call"] == "train_test_split"


@pytest.mark.parametrize(
    "data",
    ["X", "X.tolist()", "pd.DataFrame(X)", "pd.Series(X[:, 0])", "sp.csr_matrix(X)",
     "np.array(list('ab' * 15), dtype=object)", "pd.DataFrame({'t': list('ab' * 15)})"],
)  # fmt: skip
def test_every_kind_of_data_has_a_digest(controlled: Controller, data: str) -> None:
    """Arrays, lists, tables and sparse matrices are told apart by their content."""
    script = DATA + (
        f"def main():\n    data = {data}\n"
        "    for seed in (1, 1, 2): train_test_split(data, random_state=seed)\n"
    )

    first, again, other = splits(controlled(script))

    assert "digest" in first["parts"][0], first["parts"]
    assert first["parts"] == again["parts"]
    assert first["parts"] != other["parts"]
    assert first["sizes"] == [22, 8]


SPLITTERS = {
    "KFold": "KFold(3, shuffle=True, random_state=1).split(X)",
    "StratifiedKFold": "StratifiedKFold(3).split(X, y)",
    "GroupKFold": "GroupKFold(3).split(X, y, groups=np.arange(30) // 3)",
    "ShuffleSplit": "ShuffleSplit(3, random_state=1).split(X)",
    "StratifiedShuffleSplit": "StratifiedShuffleSplit(3, random_state=1).split(X, y)",
    "GroupShuffleSplit": "GroupShuffleSplit(3, random_state=1).split(X, y, np.arange(30))",
    "TimeSeriesSplit": "TimeSeriesSplit(3).split(X)",
    "RepeatedKFold": "RepeatedKFold(n_splits=3, n_repeats=1, random_state=1).split(X)",
}


@pytest.mark.parametrize(("name", "call"), SPLITTERS.items(), ids=SPLITTERS)
def test_folds_are_reported_once(controlled: Controller, name: str, call: str) -> None:
    """One event for each splitter, though splitters are built on one another."""
    result = controlled(f"{DATA}def main():\n    for train, test in {call}: pass\n")

    [event] = splits(result)
    assert event["call"] == f"{name}.split"
    assert len(event["sizes"]) == len(event["parts"]) == 3
    assert event["complete"] is True
    assert event["via"] is None


def test_folds_of_which_the_user_takes_one_are_reported(controlled: Controller) -> None:
    """``next(...)`` on the folds is a split, too, and was not complete."""
    script = DATA + "def main():\n    next(ShuffleSplit(5, random_state=1).split(X))\n"

    [event] = splits(controlled(script))

    assert len(event["sizes"]) == 1
    assert event["complete"] is False


def test_splits_inside_scikit_learn_are_reported_once_a_place(
    controlled: Controller,
) -> None:
    """A grid search splits once for the record, and says which function did it."""
    script = DATA + (
        "def main():\n"
        "    for _ in range(5): cross_val_score(LogisticRegression(), X, y, cv=3)\n"
        "    GridSearchCV(LogisticRegression(), {'C': [1, 2]}, cv=3).fit(X, y)\n"
    )

    first, second = splits(controlled(script))

    assert first["call"] == second["call"] == "StratifiedKFold.split"
    assert first["via"] == "cross_val_score"
    assert "fit" in second["via"]


def test_splits_are_seen_though_the_function_was_known_before(
    controlled: Controller,
) -> None:
    """Where its name cannot be found, in a list, it is seen by what it uses."""
    before = (
        "import builtins\nfrom sklearn.model_selection import train_test_split\n"
        "builtins.early = [train_test_split]"
    )
    script = "import builtins\ndef main(): builtins.early[0](range(10), random_state=3)"

    [event] = splits(controlled(script, before=before, observed=False))

    assert event["call"] == "ShuffleSplit.split"
    assert event["via"] == "train_test_split"
    assert event["sizes"] == [[7, 3]]


def test_the_number_of_reported_splits_is_bounded(controlled: Controller) -> None:
    """Ten thousand bootstrap splits do not fill the journal."""
    script = DATA + (
        "def main():\n    for i in range(300): train_test_split(y, random_state=i)\n"
    )

    assert len(splits(controlled(script))) == 200


def test_interleaved_folds_are_both_complete(controlled: Controller) -> None:
    """Two loops over folds at a time do not hide one another."""
    script = DATA + (
        "def main():\n"
        "    for a, b in zip(KFold(3).split(X), KFold(3).split(y), strict=True): pass\n"
    )

    events = splits(controlled(script))

    assert [event["complete"] for event in events] == [True, True]


def test_large_arrays_are_sampled_and_the_event_says_so(controlled: Controller) -> None:
    """80 MB are not read in full, and the digest is still that of the data."""
    script = DATA + (
        "def main():\n"
        "    big = np.arange(10_000_000, dtype=float)\n"
        "    train_test_split(big, shuffle=False, test_size=0.1)\n"
    )

    [event] = splits(controlled(script))

    assert event["parts"][0]["sampled"] == 3
    assert "sampled" not in event["parts"][1]


def test_fingerprints_depend_on_content_shape_and_type() -> None:
    """Equal values agree; another number, shape, dtype or label does not."""
    import pandas as pd

    from ml_experiment.capture.fingerprints import fingerprint

    base = np.arange(6.0)
    table = pd.DataFrame({"a": base})
    different: list[Any] = [
        base,
        base.reshape(2, 3),
        base.astype("f4"),
        base + 1,
        table,
        table.rename(columns={"a": "b"}),
        table.set_index(base + 1),
        list(base),
    ]

    digests = [fingerprint(value)["digest"] for value in different]

    assert len(set(digests)) == len(different)
    assert fingerprint(base.copy()) == fingerprint(base)
    assert fingerprint(table.copy()) == fingerprint(table)


def test_what_has_no_digest_says_why() -> None:
    """Any object may be handed in; the fingerprint then has a reason."""
    from ml_experiment.capture.fingerprints import fingerprint

    class Odd:
        def __array__(self) -> None:
            raise ValueError("not today")

    assert "no digest is known" in fingerprint(object())["reason"]
    assert fingerprint(Odd())["reason"] == "ValueError: not today"

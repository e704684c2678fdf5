"""What raises an accuracy without physics, at a small size."""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("xgboost")
pytest.importorskip("sklearn")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "uhecr"
NAMES = (
    "leaks",
    "leak_data",
    "leak_page",
    "leak_scaler",
    "leak_split",
    "tied_autoencoder",
)


@pytest.fixture(scope="module")
def leaks() -> Iterator[Any]:
    """Import the example as its script does, and forget it afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(EXAMPLE))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    sys.path.remove(str(EXAMPLE))
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).is_relative_to(EXAMPLE):
            del sys.modules[name]


@pytest.fixture(scope="module")
def measured(leaks: Any) -> list[dict[str, Any]]:
    """Measure everything once, at the small size."""
    rows: list[dict[str, Any]] = leaks.leaks.measure(leaks.leaks.SIZES["small"])
    return rows


def accuracy(measured: list[dict[str, Any]], **wanted: object) -> float:
    """Return the accuracy of the one row that has these values."""
    (row,) = [row for row in measured if wanted.items() <= row.items()]
    return float(row["accuracy"])


def test_a_random_split_is_high_where_showers_have_many_stations(
    measured: list[dict[str, Any]],
) -> None:
    """By recognising showers: nothing of it is left when they are kept whole."""
    case = {"table": "showers", "case": "all features", "showers_per_primary": 50}

    assert accuracy(measured, **case, split="random") > 0.95
    assert accuracy(measured, **case, split="by shower") < 0.45


def test_a_random_split_is_honest_where_each_shower_has_one_station(
    measured: list[dict[str, Any]],
) -> None:
    """There is nothing to recognise."""
    case = {"table": "showers", "case": "all features", "showers_per_primary": 1000}

    assert 0.25 < accuracy(measured, **case) < 0.45


def test_what_is_recognised_is_energy_and_zenith(
    measured: list[dict[str, Any]],
) -> None:
    """Without these two features a random split gives little."""
    case = {"table": "showers", "showers_per_primary": 50}

    assert accuracy(measured, **case, case="without energy and zenith") < 0.45


def test_more_rounds_raise_only_what_is_remembered(
    measured: list[dict[str, Any]],
) -> None:
    """The random split's accuracy grows, the other does not."""
    few, many = (
        {
            split: accuracy(measured, case=f"{rounds} rounds", split=split)
            for split in ("random", "by shower")
        }
        for rounds in (10, 80)
    )

    assert many["random"] > few["random"] + 0.03
    assert many["by shower"] < few["by shower"] + 0.03


def test_labels_without_physics_are_guessed_by_shower_and_remembered_at_random(
    leaks: Any,
) -> None:
    """Chance is 0.25; many showers, so that chance is met closely."""
    stations = leaks.leak_data.simulate(2000, 500, 3)
    nothing = stations.with_labels_shuffled_over_showers(3)

    found = {
        split: leaks.leak_split.boosted(nothing, split, [40], 3)[1][0].mean()
        for split in ("random", "by shower")
    }

    assert found["random"] > 0.4
    assert found["by shower"] == pytest.approx(0.25, abs=0.06)


def test_labels_shuffled_over_showers_are_one_for_each_shower(leaks: Any) -> None:
    """And as many showers have each label."""
    stations = leaks.leak_data.simulate(300, 100, 3)

    shuffled = stations.with_labels_shuffled_over_showers(3)

    pairs = {
        (int(shower), int(label))
        for shower, label in zip(shuffled.shower, shuffled.y, strict=True)
    }
    assert len(pairs) == len(set(stations.shower.tolist()))
    counts = np.bincount([label for _, label in pairs])
    assert counts.max() - counts.min() <= 1
    assert (shuffled.y != stations.y).any()


def test_paired_showers_leave_nothing_to_remember(
    measured: list[dict[str, Any]],
) -> None:
    """Energy and angle then say nothing about the primary."""
    case = "same energies and zenith angles for all primaries"

    for split in ("random", "by shower"):
        assert accuracy(measured, case=case, split=split) < 0.45


def test_a_linear_model_remembers_nothing(measured: list[dict[str, Any]]) -> None:
    """Its two accuracies are as good as the same."""
    random, whole = (
        accuracy(measured, case="linear model", split=split)
        for split in ("random", "by shower")
    )

    assert abs(random - whole) < 0.15


def test_a_tree_reads_the_class_off_a_feature_that_is_scaled_by_class(
    measured: list[dict[str, Any]],
) -> None:
    """Even if labels were drawn; with one scaler for all it guesses."""
    case = "trace length only, labels shuffled over rows"
    own = "own, by smallest and largest"

    assert accuracy(measured, case=case, scaler=own) > 0.5
    common = accuracy(measured, case=case, scaler="one common scaler")
    assert common == pytest.approx(0.25, abs=0.06)


def test_own_scaled_rows_use_the_scaler_of_their_true_class(leaks: Any) -> None:
    """Each class then spans 0 to 1 in every feature, by itself."""
    stations = leaks.leak_data.simulate(200, 50, 3)

    scaled = leaks.leak_scaler.own_scaled(
        stations, leaks.leak_scaler.scalers_of_classes(stations)
    )

    for label in range(4):
        own = scaled[stations.y == label]
        assert own.min(axis=0) == pytest.approx(np.zeros(9), abs=1e-12)
        assert own.max(axis=0) == pytest.approx(np.ones(9))


def test_the_gradients_of_the_autoencoder_are_those_of_its_loss(leaks: Any) -> None:
    """Every weight against differences of the mean squared error."""
    network = leaks.tied_autoencoder
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(2, *shape)) for shape in ((9, 10), (1, 10), (1, 9))]
    noisy, target = rng.random((2, 2, 5, 9))

    def loss() -> float:
        made = network._forward(weights, noisy)[2]
        return float(np.square(made - target).mean(axis=(1, 2)).sum())

    slopes = network.gradients(weights, noisy, target)

    for weight, slope in zip(weights, slopes, strict=True):
        for index in np.ndindex(weight.shape):
            kept = weight[index]
            weight[index] = kept + 1e-6
            up = loss()
            weight[index] = kept - 1e-6
            down = loss()
            weight[index] = kept
            assert slope[index] == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_training_brings_the_error_down(leaks: Any) -> None:
    """Well below that of always the mean."""
    rng = np.random.default_rng(1)
    hidden = rng.random((4, 2000, 1))
    sets = list(np.clip(hidden + 0.02 * rng.normal(size=(4, 2000, 9)), 0, 1))

    weights = leaks.tied_autoencoder.train(sets, 60, 1)

    made = leaks.tied_autoencoder.reconstruct(weights, np.stack(sets))
    assert np.square(made - np.stack(sets)).mean() < 0.3 * np.var(np.stack(sets))


def test_the_page_and_the_table_say_what_was_measured(
    leaks: Any, measured: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Every accuracy of the table is on the page; nothing is left to fill in."""
    size = leaks.leaks.SIZES["small"]

    page = leaks.leak_page.page(measured, size)
    leaks.leaks.write(tmp_path, measured, page)

    with (tmp_path / "leaks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(measured)
    for row in rows:
        assert f"{float(row['accuracy']):.3f} (" in page
        assert float(row["wilson_low"]) <= float(row["accuracy"])
        assert float(row["accuracy"]) <= float(row["wilson_high"])
    assert (tmp_path / "leaks.md").read_text() == page
    assert "{" not in page


def test_measuring_again_gives_the_same_numbers(
    leaks: Any, measured: list[dict[str, Any]]
) -> None:
    """To the last digit."""
    size = leaks.leaks.SIZES["small"]

    again = leaks.leaks.measure(size)

    assert again == measured

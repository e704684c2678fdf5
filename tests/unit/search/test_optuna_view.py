"""The told trials in a storage of Optuna's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest

from ml_experiment.search.optuna_view import OptunaView, open_storage
from ml_experiment.search.order import FixedOrder
from ml_experiment.testing.searches import Pool, describe


if TYPE_CHECKING:
    from pathlib import Path


def searched(trials: int = 8) -> FixedOrder:
    """Return a search that is through, some of its trials pruned or failed."""
    order = FixedOrder(describe("cmaes", "median"), num_trials=trials, lookahead=2)
    Pool(order, 2, 1).run()
    return order


@pytest.mark.parametrize("scheme", ["", "journal://", "sqlite:///"])
def test_told_trials_are_there_once_and_in_order(scheme: str, tmp_path: Path) -> None:
    """Written in parts, by two processes one after the other, nothing is doubled."""
    place = f"{scheme}{tmp_path / 'optuna.journal'}"
    told = searched().told_trials()
    assert OptunaView(place, "g", ["minimize"]).publish(told[:3])
    second = OptunaView(place, "g", ["minimize"], every_s=0.0)
    assert second.publish(told[:5])
    assert second.publish(told)
    study = optuna.load_study(study_name="g", storage=open_storage(place))
    assert [each.params for each in study.trials] == [each.params for each in told]
    assert [each.state for each in study.trials] == [each.state for each in told]
    assert [each.values for each in study.trials] == [each.values for each in told]


def test_a_storage_that_is_away_stops_nothing(tmp_path: Path) -> None:
    """The problem is kept, once; when the storage is back it gets all that it lacks."""
    folder = tmp_path / "away"
    told = searched().told_trials()
    place = str(folder / "optuna.journal")
    view = OptunaView(place, "g", ["minimize"], every_s=0.0)
    assert not any(view.publish(told[:count]) for count in range(1, 5))
    assert len(view.problems) == 1
    folder.mkdir()
    assert view.publish(told, at_once=True)
    study = optuna.load_study(
        study_name="g", storage=open_storage(str(folder / "optuna.journal"))
    )
    assert len(study.trials) == len(told)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the search nor its view make Optuna talk."""
    told = searched().told_trials()
    OptunaView(str(tmp_path / "optuna.journal"), "g", ["minimize"]).publish(told)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_several_short_trials_are_added_at_once(tmp_path: Path) -> None:
    """Soon after an addition nothing is written, until it is asked for at once."""
    told = searched().told_trials()
    place = str(tmp_path / "optuna.journal")
    view = OptunaView(place, "g", ["minimize"], every_s=3600.0)
    assert view.publish(told[:1])
    assert not view.publish(told[:3])
    assert view.publish(told, at_once=True)
    study = optuna.load_study(study_name="g", storage=open_storage(place))
    assert len(study.trials) == len(told)

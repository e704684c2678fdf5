"""What decides on results is as it was; what names places is as it is here."""

from __future__ import annotations

import pytest

from ml_experiment.verify.reproduce.variables import decisive


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "TF_DETERMINISTIC_OPS", "LANG", "KERAS_BACKEND", "TZ"]
)
def test_what_decides_is_taken_over_and_unset_where_it_was_not_set(name: str) -> None:
    """A recorded value wins over that of this shell, and so does its absence."""
    assert decisive({name: "1"}, {name: "2"}) == {name: "1"}
    assert decisive({}, {name: "2"}) == {name: None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUDA_VISIBLE_DEVICES", "3"),
        ("VIRTUAL_ENV", "/home/a/venv"),
        ("TORCH_HOME", "/home/a/torch"),
        ("XLA_FLAGS", "/somewhere"),
        ("PYTHONPATH", "src"),
        ("PATH", "/bin"),
        ("OMP_NUM_THREADS", "***"),
    ],
)
def test_places_devices_and_secrets_are_not(name: str, value: str) -> None:
    """They are another machine's."""
    assert decisive({name: value}, {}) == {}

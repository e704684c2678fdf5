"""The second process that publishes trials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ml_experiment.config.determinism import available_cpus
from ml_experiment.errors import TrackingError
from ml_experiment.tracking.second_hand import SecondHand


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    available_cpus() < 2, reason="with one core there is no second process"
)


def _work(parent: str, experiment: str) -> Callable[[int], TrackingError | None]:
    """Be slow with the first trial, fail to upload the second, break at the last."""

    def publish(number: int) -> TrackingError | None:
        if number == 0:
            time.sleep(0.2)
        if number == 99:
            raise TrackingError("no database")
        return TrackingError(f"{parent} of {experiment}") if number == 1 else None

    return publish


@pytest.fixture
def second() -> Iterator[SecondHand]:
    """A process that works."""
    found = SecondHand.start(_work)
    assert found is not None
    yield found
    found.stop()


def _wait_for_all(second: SecondHand) -> dict[int, str | None]:
    told: dict[int, str | None] = {}
    while second.lent:
        told |= dict(second.done(wait=True))
    return told


def test_what_is_lent_meanwhile_is_done_too(second: SecondHand) -> None:
    """Several orders that arrive while it is busy: none of them gets lost."""
    for numbers in ([0], [1, 2], [3], [4, 5, 6]):
        assert second.lend("run", "experiment", numbers)

    told = _wait_for_all(second)

    assert sorted(told) == [0, 1, 2, 3, 4, 5, 6]
    assert told[1] == "run of experiment"
    assert told[6] is None


def test_what_it_cannot_do_is_said(second: SecondHand) -> None:
    """The reason reaches the publisher, which does the rest itself."""
    second.lend("run", "experiment", [2, 99, 3])

    with pytest.raises(TrackingError, match="no database"):
        _wait_for_all(second)

    assert second.lent == [99, 3]

"""Go through a recorded search again, to go on with it, or to see whether it is the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import encode
from ml_experiment.errors import RecordError
from ml_experiment.search.space import names_and_values, read_space


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.search.messages import TrialResult
    from ml_experiment.search.order import Asked, FixedOrder


class SearchChangedError(RecordError):
    """A trial of a recorded search would get other parameters today.

    Args:
        number: The trial's number.
        difference: What differs: recorded, and drawn now.
    """

    def __init__(self, number: int, difference: str) -> None:
        self.number = number
        self.difference = difference
        super().__init__(
            f"trial {number}: {difference}\n"
            "  the search cannot go on as it began: compare the versions of Optuna and of\n"
            "  the sampler's libraries, param_space, sampler, seed and lookahead"
        )


def replay(
    order: FixedOrder,
    results: Mapping[int, TrialResult],
    recorded_params: Mapping[int, Mapping[str, object]],
) -> list[Asked]:
    """Ask and tell as it was recorded; see ``FixedOrder.replay``.

    Returns:
        Trials that were asked for and have no result.

    Raises:
        SearchChangedError: A trial would get other parameters today.
    """
    if order.lookahead is None:
        return _as_they_came(order, results, recorded_params)
    pending = []
    # Each result is handed over as soon as its trial is asked for; that is earlier than it
    # came, and the order keeps it until its turn.
    while (asked := order.next_task()) is not None:
        result = results.get(asked.number)
        _check(asked, recorded_params.get(asked.number), result)
        if result is None or result.attempt < asked.attempt:
            pending.append(asked)
        else:
            order.accept(result)
    unused = sorted(set(results) - set(range(order.asked)))
    if unused:
        raise SearchChangedError(
            unused[0], f"has a result, but only {order.asked} trials are asked for"
        )
    return pending


def _as_they_came(
    order: FixedOrder,
    results: Mapping[int, TrialResult],
    recorded_params: Mapping[int, Mapping[str, object]],
) -> list[Asked]:
    """Take the recorded parameters for granted: they cannot be drawn again."""
    pending = []
    space = read_space(order.description.space)
    for number in range(max({*results, *recorded_params}, default=-1) + 1):
        known: Mapping[str, object] | None = None
        if number in results:
            known = results[number].params
        elif number in recorded_params:
            known = names_and_values(space, recorded_params[number])
        asked = order.ask_known(known)
        if number not in results:
            pending.append(asked)
    for result in results.values():
        order.accept(result)
    return pending


def _check(
    asked: Asked,
    recorded: Mapping[str, object] | None,
    result: TrialResult | None,
) -> None:
    if recorded is not None:
        _compare(asked.number, recorded, asked.params)
    if result is not None:
        suggested = {
            name: value
            for name, value in result.params.items()
            if name in asked.trial.params
        }
        _compare(asked.number, suggested, asked.trial.params)


def _compare(
    number: int, recorded: Mapping[str, object], drawn: Mapping[str, object]
) -> None:
    before, now = _flat(recorded), _flat(drawn)
    for name in [*before, *now]:
        was, is_now = before.get(name, "nothing"), now.get(name, "nothing")
        if was != is_now:
            raise SearchChangedError(
                number, f"{name} was {was} and would be {is_now} now"
            )


def _flat(value: Mapping[str, object]) -> dict[str, str]:
    """Return every leaf as JSON: ``1`` is not ``1.0``."""
    return dict(_leaf(name, each) for name, each in value.items())


def _leaf(name: str, value: Any) -> tuple[str, str]:
    return name, json.dumps(encode(value), sort_keys=True)

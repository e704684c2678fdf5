"""The call of a job's function as a trial: metrics reported step by step, ended early.

It is put around the function, and listens to what is recorded of it.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ml_experiment.callbacks.dispatch import CallbackDispatcher
from ml_experiment.capture.results import to_number
from ml_experiment.errors import MissingMetricError, ResultError, nearest


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import optuna

    from ml_experiment.callbacks.base import Callback


class TrialCall(CallbackDispatcher):
    """One call of a job's function, as a trial.

    Of the events of a run it passes on those of results only: the driver tells the
    callbacks when trials start and end.

    Args:
        callbacks: The job's callbacks.
        report: Told of a callback that failed.
        trial: Returns the trial; not called before it is needed.
        metrics: Names of the optimised metrics.
        prunes: The group has a pruner.

    Attributes:
        pruned: Why the trial was ended early; ``None`` if it was not.
    """

    def __init__(
        self,
        callbacks: Iterable[Callback],
        report: Callable[[str, str], None],
        *,
        trial: Callable[[], optuna.Trial],
        metrics: Sequence[str],
        prunes: bool,
    ) -> None:
        super().__init__(callbacks, report)
        self.pruned: str | None = None
        self._trial = trial
        self._metrics = metrics
        self._prunes = prunes and len(metrics) == 1
        self._last: dict[str, float] = {}
        self._keys: dict[str, None] = {}
        self._reported: int | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The optimised metrics, each as it was last given."""
        return tuple(self._last[name] for name in self._metrics)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call the function; a generator is returned as one that reports and may end.

        Raises:
            BaseException: Whatever the function raises, but for what says "pruned".
        """
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - raised again if none of ours
            self._take(error)
            return None
        return self._steps(value) if isinstance(value, Generator) else value

    def fire(self, event: str, *arguments: object, **kwargs: Any) -> None:
        """Take note of results, and tell the callbacks of them.

        Raises:
            ResultError: It was the last result, and an optimised metric is not there.
        """
        if event != "on_info_logged":
            return
        metrics: Any = arguments[1]
        step: int | None = kwargs.get("step")
        if self.pruned is not None and not metrics:
            return
        super().fire(event, *arguments, **kwargs)
        self._see(metrics)
        if step is None:
            self._check()
        else:
            self._report_step(metrics, step)

    def _steps(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        given = False
        while True:
            try:
                value = next(steps)
            except StopIteration as stop:
                if stop.value is None and given:
                    self._check()  # nothing comes after this
                return stop.value
            except BaseException as error:  # noqa: BLE001 - raised again if it is none of ours
                self._take(error)
                return None
            given = True
            yield value
            if self._is_hopeless():
                steps.close()
                return None

    def _take(self, error: BaseException) -> None:
        """Keep the reason of a pruned trial; raise everything else again."""
        if _says_pruned(error):
            self.pruned = str(error) or "pruned by the script"
            return
        if isinstance(error, SystemExit) and error.code in {None, 0}:
            raise ResultError(
                f"it called sys.exit({'' if error.code is None else 0}) "
                "instead of returning its metrics"
            ) from None
        raise error

    def _see(self, metrics: Mapping[str, Any]) -> None:
        self._keys |= dict.fromkeys(metrics)
        for name in self._metrics:
            if name in metrics:
                self._last[name] = to_number(name, metrics[name])

    def _report_step(self, metrics: Mapping[str, Any], step: int) -> None:
        if len(self._metrics) != 1 or self._metrics[0] not in metrics:
            return
        trial = self._trial()
        cached = getattr(trial, "_cached_frozen_trial", None)
        if step in getattr(cached, "intermediate_values", ()):
            return  # the script has reported it itself
        trial.report(self._last[self._metrics[0]], step)
        self._reported = step

    def _is_hopeless(self) -> bool:
        if not self._prunes or not self._trial().should_prune():
            return False
        at = "" if self._reported is None else f" at step {self._reported}"
        self.pruned = f"pruned{at}"
        return True

    def _check(self) -> None:
        if self.pruned is not None:
            return
        for name in self._metrics:
            if name not in self._last:
                # Nothing at all may be this trial's way of giving up: no wrong name.
                kind = MissingMetricError if self._keys else ResultError
                raise kind(_missing(name, list(self._keys)))
            if math.isnan(self._last[name]):
                raise ResultError(f"metric '{name}' is not a number (NaN)")


def _missing(name: str, keys: Sequence[str]) -> str:
    if not keys:
        return f"no metric '{name}': no metrics were returned"
    similar = nearest(name, keys)
    ask = f"; did you mean '{similar}'?" if similar else ""
    return f"no metric '{name}' in what was returned: {', '.join(keys)}{ask}"


def _says_pruned(error: BaseException) -> bool:
    """Return whether it is ``optuna.TrialPruned``, without importing that here."""
    return any(
        kind.__name__ == "TrialPruned" and kind.__module__.startswith("optuna")
        for kind in type(error).__mro__
    )

"""Access to the trial that is running, inside a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.errors import NoCurrentTrialError


if TYPE_CHECKING:
    import optuna


class Trial:
    """Gives the job's function the ``optuna.Trial`` that it is running in."""

    @classmethod
    def get_current(cls) -> optuna.Trial:
        """Return the trial that is running.

        Raises:
            NoCurrentTrialError: No group is running here: a single experiment has no
                trial.
        """
        raise NoCurrentTrialError(
            "Trial.get_current(): no trial is running, as this is not a group\n"
            "  a group has `kind: group` in its config, and draws from `param_space`"
        )

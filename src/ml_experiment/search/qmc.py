"""Quasi-random points over a space that is known from the start.

Optuna's own sampler takes the space from the trials so far, and begins its sequence anew
whenever that is another one: where a parameter is conditional, trials would be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import QMCSampler  # noqa: TID253 - for groups only


if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


class KnownSpaceSampler(QMCSampler):
    """Optuna's ``QMCSampler`` for the parameters that all trials have.

    Args:
        known: Distributions of these parameters.
        options: See Optuna's class.
    """

    def __init__(self, known: Mapping[str, BaseDistribution], **options: Any) -> None:
        super().__init__(**options)
        self._known = dict(known)

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - Optuna's interface
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials have; others are left to chance."""
        return dict(self._known)

"""The interface of callbacks. Every method does nothing until it is overridden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.config.models import JobConfig


class Callback:
    """Told of the events of a job; a failing callback never fails the job.

    Methods are called in the process that runs the job. Further keyword arguments may be
    added in later releases: accept ``**kwargs``.
    """

    def on_job_start(self, config: JobConfig, **kwargs: Any) -> None:
        """The job is about to start.

        Args:
            config: How the job is executed.
            kwargs: ``run_id``, the identifier of the run.
        """

    def on_job_end(
        self, config: JobConfig, exception: BaseException | None, **kwargs: Any
    ) -> None:
        """The job has ended.

        Args:
            config: How the job was executed.
            exception: What ended it; ``None`` if it succeeded.
            kwargs: ``run_id``, the identifier of the run.
        """

    def on_trial_start(
        self,
        config: JobConfig,
        trial: Any,
        sampled_params: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        """A trial of a group is about to start.

        Args:
            config: How the group is executed.
            trial: The ``optuna.Trial``.
            sampled_params: The parameters drawn for it.
            kwargs: Nothing yet.
        """

    def on_trial_end(
        self,
        config: JobConfig,
        trial: Any,
        metric: float | None,
        exception: BaseException | None,
        **kwargs: Any,
    ) -> None:
        """A trial of a group has ended.

        Args:
            config: How the group is executed.
            trial: The ``optuna.Trial``.
            metric: Value of the metric that is optimised; ``None`` if there is none.
            exception: What ended it; ``None`` if it succeeded.
            kwargs: Nothing yet.
        """

    def on_info_logged(
        self,
        config: JobConfig,
        metrics: Mapping[str, Any],
        artifacts: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        """Metrics and artifacts were recorded; at least once a successful run.

        Args:
            config: How the job is executed.
            metrics: Name to number, as ``main`` returned or yielded them.
            artifacts: Name to path, likewise.
            kwargs: ``step``, from 0, when ``main`` is a generator, else ``None``.
        """

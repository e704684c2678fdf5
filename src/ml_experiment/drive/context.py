"""What is true of this process: which run is on, and what watches over it.

There is one context a process, because what it watches (random generators, opened files,
the console) belongs to the process.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
from typing import TYPE_CHECKING

from ml_experiment.capture.data import DataWatch
from ml_experiment.capture.native_files import NativeFiles
from ml_experiment.capture.seeds import RandomnessControl
from ml_experiment.capture.splits import SplitWatch
from ml_experiment.config.seeding import derive_seed
from ml_experiment.drive.mlflow_link import MlflowLink
from ml_experiment.drive.reporter import Reporter


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.prepare import Order
    from ml_experiment.record.reproduction import Reproduction


class ProcessContext:
    """The state of this process as a driver.

    Attributes:
        reporter: Where the hooks report to.
        control: The random generators of this process.
        data: The files that are opened.
        splits: The calls that split data.
        mlflow: The user's own calls of MLflow.
        prepared: The run that the command line has prepared, until it is taken.
        session_seed: Seed of what happens before a run, if nothing else is given.
        calls: How many runs this process has started itself.
        repeats: The earlier run that is to be repeated here, and nothing else.
        rehearses: What runs now came before that run, and is not recorded.
        searches: A group is being driven, and no code of the user's runs here.
    """

    def __init__(self) -> None:
        self.reporter = Reporter()
        self.control = RandomnessControl(self.reporter.write)
        self.data = DataWatch(self.reporter)
        self.splits = SplitWatch(self.reporter.write)
        self.mlflow = MlflowLink(self.reporter.write)
        self.prepared: tuple[RunDirectory, Order] | None = None
        self.session_seed = secrets.randbits(32)
        self.calls = 0
        self.repeats: Reproduction | None = None
        self.rehearses = False
        self.searches = False
        self._installed = False
        self._active_pid: int | None = None

    def install(self, *, observed_from_start: bool, seed: int | None = None) -> None:
        """Put the hooks in place, once a process.

        Args:
            observed_from_start: Nothing of the user's has run yet.
            seed: The seed of the run that is to come, if it is known.
        """
        if self._installed:
            # What was drawn since then did not come from this seed.
            assert seed is None, "too late for a seed"  # noqa: S101
            return
        self._installed = True
        if seed is not None:
            self.session_seed = seed
        self.control.install(observed_from_start=observed_from_start)
        self.control.begin(derive_seed(self.session_seed, "import"), force=False)
        self.splits.install()
        self.mlflow.install()
        self.data.start()
        NativeFiles(self.data).install()

    def install_again(self, repeated: Reproduction, *, seed: int) -> None:
        """Put the hooks in place for a run that repeats an earlier one.

        Args:
            repeated: What the earlier run began with.
            seed: Its seed.
        """
        self.repeats = repeated
        launch = repeated.launch
        session = None if launch is None else launch.session_seed
        self.install(
            observed_from_start=True, seed=seed if session is None else session
        )
        if repeated.import_seed is not None and session is None:
            self.control.begin(repeated.import_seed, force=False)

    def next_drawn_seed(self) -> int:
        """Return the seed of the next run of this process that gives none itself."""
        number, self.calls = self.calls, self.calls + 1
        return (
            derive_seed(self.session_seed, "run", number)
            if number
            else self.session_seed
        )

    @property
    def inside_run(self) -> bool:
        """Whether a job that is called now is a part of a run that is on already.

        It is in the run's own process, in its forks, and in what ``multiprocessing``
        starts: there a job is a plain function.
        """
        return (
            self._active_pid is not None or multiprocessing.parent_process() is not None
        )

    def enter(self) -> None:
        """A run begins."""
        self._active_pid = os.getpid()

    def leave(self) -> None:
        """The run is over."""
        self._active_pid = None


_context: ProcessContext | None = None


def process_context() -> ProcessContext:
    """Return the context of this process, made at the first call."""
    global _context  # noqa: PLW0603 - the point of this module
    if _context is None:
        _context = ProcessContext()
    return _context

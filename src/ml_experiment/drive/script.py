"""Execute a script as ``__main__`` and see to it that its job is run."""

from __future__ import annotations

import importlib.util
import linecache
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import is_user_file
from ml_experiment.drive.context import process_context
from ml_experiment.errors import ConfigError, MlExperimentError, ScriptError
from ml_experiment.worker import strip_own_frames


if TYPE_CHECKING:
    from ml_experiment.record.reproduction import Launch


def run_script(path: str, launch: Launch | None = None) -> None:
    """Execute the script; if it does not call its job itself, call it.

    Leaves the process as Python would: status 0, the script's own, or 1 after a
    traceback in which no frame of this package stands before the script's; and 2 if the
    config does not fit.

    Args:
        path: The script.
        launch: How it was started when that was not by the command line.
    """
    sys.argv = [path] if launch is None else [path, *launch.argv]
    as_module = None if launch is None else launch.module
    # `python -m` looks for modules where it was started, not where the module is.
    first = str(Path(path).parent) if as_module is None else str(Path.cwd())
    sys.path.insert(0, first)
    module = _main_module(path, as_module)
    try:
        exec(_compiled(path), module.__dict__)  # noqa: S102 - running the script is the point
        if process_context().prepared is not None:
            _job_of(module, path)()
    except MlExperimentError as error:
        _report_own(error)
    except (Exception, KeyboardInterrupt) as error:
        strip_own_frames(error)
        # An interrupted search was waiting, in code that is not the user's.
        if not (isinstance(error, KeyboardInterrupt) and process_context().searches):
            sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            # The interpreter now ends itself by SIGINT, as shells expect it to.
            sys.excepthook = lambda *_: None
            raise
        raise SystemExit(1) from None


def _report_own(error: MlExperimentError) -> None:
    """Print an error that the user's code made us raise: where it was, and what it is.

    A config that turns out to be wrong only now is wrong input as well: status 2.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if is_user_file(frame.filename)]
    for frame in theirs[-1:]:
        sys.stderr.write(f'  File "{frame.filename}", line {frame.lineno}\n')
    sys.stderr.write(f"{type(error).__name__}: {error}\n")
    raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None


def _main_module(path: str, name: str | None) -> ModuleType:
    module = ModuleType("__main__")
    if name is not None:
        module.__spec__ = importlib.util.find_spec(name)
        module.__package__ = name.rpartition(".")[0]
    module.__file__ = path
    module.__loader__ = SourceFileLoader("__main__", path)
    module.__dict__["__builtins__"] = __builtins__
    module.__dict__["__cached__"] = None
    sys.modules["__main__"] = module
    return module


def _compiled(path: str) -> Any:
    source = Path(path).read_bytes()
    linecache.checkcache(path)
    return compile(source, path, "exec", dont_inherit=True)


def _job_of(module: ModuleType, path: str) -> Any:
    """Return the job of a script that has only defined it.

    Raises:
        ScriptError: There is none, or there are several and none is called ``main``.
    """
    jobs = {
        name: value
        for name, value in vars(module).items()
        if getattr(type(value), "is_ml_experiment_job", False)
        and value.__module__ == "__main__"
    }
    if "main" in jobs:
        return jobs["main"]
    if len(jobs) == 1:
        return next(iter(jobs.values()))
    if not jobs:
        raise ScriptError(
            f"{path} defines no job\n"
            "  put @job (from ml_experiment import job) on its main function"
        )
    raise ScriptError(
        f"{path} defines several jobs ({', '.join(jobs)}) and calls none of them\n"
        "  call one under `if __name__ == '__main__':`, or name it main"
    )

"""Import a script that is executed elsewhere, and find its job, without running it.

It is imported as ``multiprocessing`` does it: under the name ``__mp_main__``, so that what
stands under ``if __name__ == "__main__":`` is not executed. A job that is called at the
top of the script ends the import instead of being run.
"""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from ml_experiment.drive.context import process_context
from ml_experiment.errors import ScriptError


if TYPE_CHECKING:
    from ml_experiment.drive.spec import JobSpec

NAME = "__mp_main__"


class _JobCalledError(BaseException):
    """Ends an import; the user's ``except Exception`` must not catch it."""

    def __init__(self, spec: JobSpec) -> None:
        super().__init__("the job is called by its group")
        self.spec = spec


class ScriptModule:
    """A script, imported.

    Args:
        path: Absolute path of the script.

    Raises:
        BaseException: Whatever the script raises while it is imported.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._called: JobSpec | None = None
        sys.argv = [path]
        sys.path.insert(0, str(Path(path).parent))
        self._module = ModuleType(NAME)
        self._module.__file__ = path
        self._module.__loader__ = SourceFileLoader(NAME, path)
        self._module.__dict__["__builtins__"] = __builtins__
        self._module.__dict__["__cached__"] = None
        # What the driver pickles of its __main__ is found here by that name.
        sys.modules["__main__"] = sys.modules[NAME] = self._module
        self._import()

    def _import(self) -> None:
        from ml_experiment.drive import experiment

        def stop(spec: JobSpec, *_: object) -> NoReturn:
            raise _JobCalledError(spec)

        run_job = experiment.run_job
        experiment.run_job = stop  # type: ignore[assignment]  # for as long as this takes
        try:
            source = Path(self._path).read_bytes()
            code = compile(source, self._path, "exec", dont_inherit=True)
            exec(code, self._module.__dict__)  # noqa: S102 - importing it is the point
        except _JobCalledError as call:
            self._called = call.spec
        finally:
            experiment.run_job = run_job

    def job(self, wanted: tuple[str, str] | None) -> JobSpec:
        """Return the job to execute.

        Args:
            wanted: Module and qualified name of its function in the driver; ``None`` for
                the one that the script calls, its ``main``, or its only one.

        Raises:
            ScriptError: There is no such job.
        """
        if wanted is None:
            return self._called or self._only_job()
        module, name = wanted
        for each in [self._called, *self._jobs()]:
            if each is not None and (_module_of(each), _name_of(each)) == (
                module,
                name,
            ):
                return each
        for other in list(sys.modules.values()):
            for each in _jobs_in(other):
                if (_module_of(each), _name_of(each)) == (module, name):
                    return each
        raise ScriptError(
            f"{self._path}: the job {name} is not there when a worker imports the script\n"
            "  define it at the top level of a module, outside of "
            "`if __name__ == '__main__':`"
        )

    def _jobs(self) -> list[JobSpec]:
        return _jobs_in(self._module)

    def _only_job(self) -> JobSpec:
        own = [each for each in self._jobs() if _module_of(each) == "__main__"]
        named = {_name_of(each): each for each in own}
        if "main" in named:
            return named["main"]
        if len(named) == 1:
            return next(iter(named.values()))
        found = f"several jobs ({', '.join(named)})" if named else "no job"
        raise ScriptError(
            f"{self._path}: it defines {found}, and calls none at its top"
        )


def _jobs_in(module: object) -> list[JobSpec]:
    try:
        values = list(vars(module).values())
    except TypeError:  # sys.modules may hold anything
        return []
    return [
        value.spec
        for value in values
        if getattr(type(value), "is_ml_experiment_job", False) is True
    ]


def _module_of(spec: JobSpec) -> str:
    module = str(getattr(spec.function, "__module__", ""))
    return "__main__" if module == NAME else module


def _name_of(spec: JobSpec) -> str:
    function = spec.function
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name)


def name_of_job(spec: JobSpec) -> tuple[str, str]:
    """Return module and qualified name of a job's function, as workers look for it."""
    return _module_of(spec), _name_of(spec)


def install_hooks(seed: int) -> None:
    """Watch over this process before anything of the user's is imported."""
    process_context().install(observed_from_start=True, seed=seed)

"""Which function of a script is the job, and whether parameters fit it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_experiment.config.entry_point import (
    EntryPoint,
    Parameters,
    check_parameters,
    from_signature,
    read_entry_point,
)
from ml_experiment.errors import ConfigError, ParameterError


if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, text: str) -> EntryPoint | None:
    """Look at a script with this text."""
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    return read_entry_point(script)


SPELLINGS = {
    "bare": "from ml_experiment import job\n@job\n",
    "called": "from ml_experiment import job\n@job(log_seeds=False)\n",
    "among others": "from ml_experiment import DataLoader, job, Trial\n@job()\n",
    "renamed": "from ml_experiment import job as experiment\n@experiment\n",
    "by the package": "import ml_experiment\n@ml_experiment.job\n",
    "package renamed": "import ml_experiment as mx\n@mx.job(callbacks=[])\n",
    "submodule": "import ml_experiment.callbacks\n@ml_experiment.job\n",
    "from its home": "from ml_experiment.jobs import job\n@job\n",
    "star": "from ml_experiment import *\n@job\n",
    "in a try": "try:\n    from ml_experiment import job\nexcept ImportError:\n    raise\n@job\n",
    "under another decorator": "from ml_experiment import job\n@other\n@job\n",
}

UNKNOWN = {
    "no decorator": "from ml_experiment import job\ndef main(): ...\n",
    "another job": "from celery import job\n@job\ndef main(): ...\n",
    "not imported": "@job\ndef main(): ...\n",
    "relative import": "from .ml_experiment import job\n@job\ndef main(): ...\n",
    "inside a function": "from ml_experiment import job\n"
    "def f():\n    @job\n    def main(): ...\n",
    "a method": "from ml_experiment import job\nclass A:\n    @job\n    def main(): ...\n",
    "above another decorator": "from ml_experiment import job\n"
    "@job\n@other\ndef main(a): ...\n",
    "two of equal right": "from ml_experiment import job\n"
    "@job\ndef one(): ...\n@job\ndef two(): ...\n",
    "a class": "from ml_experiment import job\n@job\nclass main: ...\n",
    "not Python": "from ml_experiment import job\n@job\ndef main(:\n",
    "empty": "",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_decorator_is_found(spelling: str, tmp_path: Path) -> None:
    """However the decorator was imported, its function is the job."""
    head = SPELLINGS[spelling]

    found = read(tmp_path, head + "def main(a, b=1): ...\n")

    assert found is not None
    assert found.name == "main"
    assert found.line == head.count("\n") + 1
    assert (found.required, found.optional) == (("a",), ("b",))


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_told_is_not_guessed(case: str, tmp_path: Path) -> None:
    """A wrong answer would refuse a right config."""
    assert read(tmp_path, UNKNOWN[case]) is None


def test_main_is_preferred(tmp_path: Path) -> None:
    """A script may have other jobs beside its main one."""
    found = read(
        tmp_path,
        "from ml_experiment import job\n@job\ndef helper(x): ...\n@job\ndef main(y): ...\n",
    )

    assert found is not None
    assert (found.name, found.required) == ("main", ("y",))


def test_a_job_under_a_condition_is_found(tmp_path: Path) -> None:
    """What runs at import counts, indented or not."""
    found = read(
        tmp_path,
        "from ml_experiment import job\nif True:\n    @job\n    def main(y): ...\n",
    )

    assert found is not None
    assert found.line == 4


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "a",
        "a, b=1",
        "a, /, b, *, c, d=2",
        "*args, c",
        "a=1, **kwargs",
        "a, b=1, /, *args, c=3, d, **kwargs",
    ],
)
def test_text_and_function_have_the_same_parameters(
    signature: str, tmp_path: Path
) -> None:
    """The look from outside and the look from inside agree."""
    namespace: dict[str, Any] = {}
    exec(f"def main({signature}): ...", namespace)
    inside = from_signature(inspect.signature(namespace["main"]))

    outside = read(
        tmp_path, f"from ml_experiment import job\n@job\ndef main({signature}): ...\n"
    )

    assert outside is not None
    for name in ("required", "optional", "accepts_any", "positional_only"):
        assert getattr(outside, name) == getattr(inside, name)


def test_a_script_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """Reading is for checks only: whoever runs the script will say what is wrong."""
    assert read_entry_point(tmp_path / "nope.py") is None
    assert read_entry_point(tmp_path) is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_files_raise_nothing(tmp_path: Path, data: bytes) -> None:
    """Whatever a script holds, looking at it does no harm."""
    script = tmp_path / "script.py"
    script.write_bytes(
        b"from ml_experiment import job\n@job\ndef main(a): ...\n" + data
    )

    found = read_entry_point(script)

    assert found is None or found.name


TAKES = Parameters(required=("C",), optional=("gamma", "kernel"))


@pytest.mark.parametrize("names", [["C"], ["C", "gamma"], ["kernel", "C"]])
def test_parameters_that_fit_are_let_through(names: list[str]) -> None:
    """Required ones are there, and no unknown one is."""
    check_parameters(names, TAKES, source="job.yaml")


def test_an_unknown_parameter_is_told_with_the_known_ones() -> None:
    """The nearest name, all names, file, line and field."""
    with pytest.raises(ParameterError) as caught:
        check_parameters(
            ["C", "gama"], TAKES, source="job.yaml", lines={"C": 3, "gama": 4}
        )

    assert str(caught.value) == (
        "job.yaml:4: params.gama: unknown parameter 'gama'; did you mean 'gamma'? "
        "allowed: C, gamma, kernel"
    )


def test_a_missing_parameter_is_told() -> None:
    """The message says why it is needed."""
    with pytest.raises(ParameterError, match="missing parameter 'C'") as caught:
        check_parameters([], TAKES, source="--params")

    assert caught.value.field == "params.C"


def test_all_wrong_parameters_are_told_at_once() -> None:
    """Unknown and missing ones, in one message."""
    with pytest.raises(ParameterError) as caught:
        check_parameters(["x", "y"], TAKES, source="job.yaml")

    for words in ("unknown parameters 'x', 'y'", "missing parameter 'C'"):
        assert words in caught.value.problem


def test_a_function_may_accept_any_name() -> None:
    """With `**kwargs` no name is unknown, but required ones are still required."""
    takes = Parameters(required=("C",), accepts_any=True)

    check_parameters(["C", "anything"], takes, source="job.yaml")
    with pytest.raises(ParameterError, match="missing"):
        check_parameters(["anything"], takes, source="job.yaml")


def test_wrong_parameters_are_both_a_config_error_and_a_type_error() -> None:
    """Whoever calls `main` with wrong arguments expects a TypeError."""
    with pytest.raises(TypeError) as caught:
        check_parameters(["x"], Parameters(), source="")

    assert isinstance(caught.value, ConfigError)
    assert caught.value.source is None

"""What a script says of its job, beside the config, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.config.entry_point import (
    check_parameters,
    read_decorator,
    read_entry_point,
)
from ml_experiment.config.models import ExperimentConfig
from ml_experiment.errors import ConfigError, ParameterError


if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ml_experiment.config.loading import Loaded
    from ml_experiment.config.models import JobConfig

# The others are added when the script has run so far.
_NEEDED_BEFORE = ("name", "seed", "deterministic", "data")


def check_against_script(loaded: Loaded, script: Path) -> None:
    """Compare the parameters with the signature in the script.

    Args:
        loaded: The config.
        script: The script.

    Raises:
        ParameterError: One is unknown, or a required one is missing.
    """
    entry = read_entry_point(script)
    if entry is None:
        return
    places = {
        name: loaded.find_place(("params", name)) for name in loaded.config.params
    }
    place = loaded.find_place(("params",))
    space: Any = getattr(loaded.config, "param_space", {})
    places |= {name: loaded.find_place(("param_space", name)) for name in space}
    try:
        check_parameters(places, entry, source=str(place.source))
    except ParameterError as error:
        name = (error.field or "").rpartition(".")[2]
        place = places.get(name, place)
        raise ParameterError(
            error.problem,
            source=place.source,
            line=place.line,
            field=error.field,
            hint=f"{script}:{entry.line} defines {entry.name}",
        ) from None


def completed(config: JobConfig, script: Path, given: Collection[str]) -> JobConfig:
    """Return the config with what the decorator says where nothing else does.

    Args:
        config: The config.
        script: The script.
        given: The fields that config file and command line give.

    Raises:
        ConfigError: A value in the decorator is wrong.
    """
    said = read_decorator(script)
    wanted: dict[str, Any] = {
        name: said[name]
        for name in _NEEDED_BEFORE
        if name in said and name not in given
    }
    if not wanted:
        return config
    try:
        checked = ExperimentConfig(
            **({"name": config.name, "run": config.run} | wanted)
        )
    except ConfigError as error:
        raise ConfigError(
            error.problem, source=f"{script}: @job", field=error.field, hint=error.hint
        ) from None
    return config.model_copy(update={name: getattr(checked, name) for name in wanted})

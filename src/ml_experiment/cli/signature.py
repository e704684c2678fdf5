"""Compare what a config gives with what a script takes, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.config.entry_point import check_parameters, read_entry_point
from ml_experiment.errors import ParameterError


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.config.loading import Loaded


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

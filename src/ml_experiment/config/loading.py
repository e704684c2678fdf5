"""From a config file and the command line to one validated config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ml_experiment.config import merging
from ml_experiment.config.explain import explained
from ml_experiment.config.literals import shown
from ml_experiment.config.merging import Merged, Override
from ml_experiment.config.models import DEFAULT_KIND, JobConfig, config_class
from ml_experiment.config.paths import find_file, find_folder, find_script
from ml_experiment.config.positions import dotted
from ml_experiment.config.problems import ConfigErrors, Place, raise_all
from ml_experiment.config.reading import read_file
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_experiment.config.positions import Path as ValuePath

__all__ = ["ConfigErrors", "Loaded", "Override", "Place", "load", "load_config"]

_EXAMPLE = "name: my experiment\n  run: script.py"


@dataclass(frozen=True)
class Loaded:
    """A config, and where its values were written.

    Attributes:
        config: The config.
        find_place: Returns the place of the value at a path, such as ``("params", "C")``.
    """

    config: JobConfig
    find_place: Callable[[ValuePath], Place]


def load_config(
    path: Path | None,
    overrides: Mapping[str, object] | None = None,
    scripts: Sequence[str] = (),
) -> JobConfig:
    """Return the config of a job.

    Args:
        path: The config file, YAML or JSON; ``None`` for none.
        overrides: What the command line says, by the name of the field or of the option:
            an ``Override``, or a value that is then called by the name of the option. The
            module ``merging`` says how it is merged.
        scripts: Scripts of the command line; they replace those of the file.

    Raises:
        ConfigError: Something is wrong; a ``ConfigErrors`` if several things are.
    """
    return load(path, overrides, scripts).config


def load(
    path: Path | None,
    overrides: Mapping[str, object] | None = None,
    scripts: Sequence[str] = (),
) -> Loaded:
    """Return what ``load_config`` returns, with the places of the values."""
    merged = _file_fields(path)
    merging.lay_over(merged, overrides or {})
    merging.put_scripts(merged, scripts)
    # In YAML, a name with nothing behind it says nothing.
    merged.fields = {
        name: value for name, value in merged.fields.items() if value is not None
    }
    if path is None:
        _fill_in(merged)
    errors: list[ConfigError] = []
    folders = list(
        dict.fromkeys([Path.cwd(), *([path.absolute().parent] if path else [])])
    )
    _find_files(merged, folders, errors)
    config = _validated(merged, errors)
    if config is None or errors:
        raise_all(sorted(errors, key=_line))
    assert config is not None  # noqa: S101 - there would have been an error
    return Loaded(config, merged.find_place)


def _line(error: ConfigError) -> int:
    return error.line or 0


def _file_fields(path: Path | None) -> Merged:
    if path is None:
        return Merged({}, Place("command line"))
    document = read_file(path)
    if document.value is None:
        raise ConfigError(
            "the file is empty; name and run are needed", source=path, hint=_EXAMPLE
        )
    if not isinstance(document.value, dict):
        raise ConfigError(
            f"got {shown(document.value)}; a config is names with values",
            source=path,
            line=1,
            hint=_EXAMPLE,
        )
    return merging.from_document(document, str(path))


def _fill_in(merged: Merged) -> None:
    """Without a config file, the script gives the name."""
    scripts = merged.fields.get("run")
    if not scripts:
        raise ConfigError(
            "got neither a script nor a config file",
            hint="ml-experiment script.py, or ml-experiment --config_file job.yaml",
        )
    first = scripts if isinstance(scripts, (str, Path)) else scripts[0]
    merged.fields.setdefault("name", Path(str(first)).stem)


def _validated(merged: Merged, errors: list[ConfigError]) -> JobConfig | None:
    kind = merged.fields.get("kind", DEFAULT_KIND)
    try:
        model = config_class(kind)
    except ConfigError as error:
        errors.append(_placed(error, merged, ("kind",)))
        return None
    try:
        return model.model_validate(merged.fields)
    except ValidationError as error:
        errors += explained(error, merged.fields, model, merged.find_place)
        return None


def _placed(error: ConfigError, merged: Merged, path: ValuePath) -> ConfigError:
    place = merged.find_place(path)
    return ConfigError(
        error.problem,
        source=place.source,
        line=place.line,
        field=dotted(path),
        hint=error.hint,
    )


def _find_files(
    merged: Merged, folders: Sequence[Path], errors: list[ConfigError]
) -> None:
    """Make the paths of files absolute; values of a wrong type are left for the model."""

    def replace(
        holder: Any, key: Any, path: ValuePath, find: Callable[..., Path]
    ) -> None:
        value = holder[key]
        if not isinstance(value, str) or not value.strip():
            return
        try:
            holder[key] = str(find(value, folders))
        except ConfigError as error:
            errors.append(_placed(error, merged, path))

    run = merged.fields.get("run")
    if isinstance(run, list):
        merged.fields["run"] = run = list(run)
        for number in range(len(run)):
            replace(run, number, ("run", number), find_script)
    elif run is not None:
        replace(merged.fields, "run", ("run",), find_script)
    docker = merged.fields.get("docker_config")
    if isinstance(docker, dict):
        merged.fields["docker_config"] = docker = dict(docker)
        for name, find in (("dockerfile", find_file), ("context", find_folder)):
            if name in docker:
                replace(docker, name, ("docker_config", name), find)

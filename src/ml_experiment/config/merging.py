"""Lay the command line over a config file.

Scalars of the command line replace the file's. Of ``params``, ``param_space``,
``ray_config``, ``tags`` and the build arguments of Docker, single entries are replaced, by
their top-level names. A parameter that is fixed by ``--params`` is taken out of the file's
``param_space``: it is no longer drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_experiment.config.problems import Place
from ml_experiment.config.scalars import parse_scalar
from ml_experiment.config.values import parse_mapping
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_experiment.config.positions import Document, Path

# The field that an option is about, where that is not its own name.
_FIELDS = {
    "metric_key": "metric.name",
    "metric_direction": "metric.direction",
    "docker_image": "docker_config.image",
    "dockerfile": "docker_config.dockerfile",
    "docker_context": "docker_config.context",
    "docker_build_args": "docker_config.args",
}
_MAPPINGS = frozenset(
    {
        "params",
        "param_space",
        "ray_config",
        "tags",
        "docker_config.args",
        "resources_per_worker",
    }
)
_NUMBERS = frozenset(
    {
        "seed",
        "num_trials",
        "timeout_per_trial",
        "lookahead",
        "retries",
        "max_failures",
    }
)


@dataclass(frozen=True)
class Override:
    """A value that replaces the config file's.

    Attributes:
        value: The value, or the text of an option: what the field needs is made of it.
        option: Where it was given, ``--num_trials``; errors name it.
    """

    value: object
    option: str


@dataclass
class Merged:
    """Fields of a config, and where each was written.

    Attributes:
        fields: The values, unchecked.
        default_place: Where to look for what is not there.
        places: Where values were written, by path.
    """

    fields: dict[str, Any]
    default_place: Place = field(default_factory=Place)
    places: dict[Path, Place] = field(default_factory=dict)

    def find_place(self, path: Path) -> Place:
        """Return the place of a value, or of the innermost value around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.default_place

    def put(self, path: Path, value: object, place: Place) -> None:
        """Set one value, at the top or one level below."""
        stale = [each for each in self.places if each[: len(path)] == path]
        for each in stale:
            del self.places[each]
        self.places[path] = place
        target = self.fields
        for part in path[:-1]:
            target = target[str(part)]
        target[str(path[-1])] = value

    def drop(self, path: Path) -> None:
        """Take one value out, if it is there."""
        target: Any = self.fields
        for part in path[:-1]:
            target = target.get(part)
            if not isinstance(target, dict):
                return
        target.pop(path[-1], None)


def from_document(document: Document, source: str) -> Merged:
    """Return the fields of a config file."""
    fields = dict(document.value) if isinstance(document.value, dict) else {}
    places = {path: Place(source, line) for path, line in document.lines.items()}
    return Merged(fields, Place(source), places)


def lay_over(merged: Merged, overrides: Mapping[str, object]) -> None:
    """Put overrides over the fields of a config.

    Args:
        merged: The fields; changed in place.
        overrides: By field (``docker_config.image`` for an inner one) or option; ``None``
            is no override.

    Raises:
        ConfigError: The text of an option cannot be read.
    """
    given = _by_field(overrides)
    fixed = given.get("params")
    space = given.get("param_space")
    for name, override in given.items():
        if name.startswith("metric."):
            _put_metric(merged, name.partition(".")[2], override)
        elif name.startswith("docker_config."):
            _put_docker(merged, name.partition(".")[2], override, given)
        elif name in _MAPPINGS and isinstance(override.value, dict):
            _put_entries(merged, (name,), override)
        else:
            merged.put((name,), override.value, Place(override.option))
    if fixed is not None and isinstance(fixed.value, dict):
        drawn = space.value if space and isinstance(space.value, dict) else {}
        for name in fixed.value:
            if name not in drawn:
                merged.drop(("param_space", name))


def put_scripts(merged: Merged, scripts: Sequence[str]) -> None:
    """Let the scripts of the command line replace those of the file."""
    if scripts:
        merged.put(("run",), list(scripts), Place("command line"))


def _by_field(overrides: Mapping[str, object]) -> dict[str, Override]:
    found: dict[str, Override] = {}
    for key, value in overrides.items():
        override = value if isinstance(value, Override) else Override(value, f"--{key}")
        if override.value is None:
            continue
        name = _FIELDS.get(key, key)
        found[name] = Override(_read(name, override), override.option)
    return found


def _read(name: str, override: Override) -> object:
    """Make of an option's text what the field needs."""
    value = override.value
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    if name in _MAPPINGS:
        return parse_mapping(value, override.option)
    if name in _NUMBERS:
        try:
            return parse_scalar(value.strip())
        except ConfigError as error:
            raise ConfigError(error.problem, source=override.option) from None
    return value


def _put_entries(merged: Merged, path: Path, override: Override) -> None:
    """Replace single entries of a dict."""
    assert isinstance(override.value, dict)  # noqa: S101 - the callers have looked
    place = Place(override.option)
    target: Any = merged.fields
    for part in path[:-1]:
        target = target[part]
    old = target.get(path[-1])
    if old is None:
        merged.put(path, {}, place)
    elif isinstance(old, dict):
        target[path[-1]] = dict(old)
    else:
        return  # what the file says is wrong, and will be refused
    for name, value in override.value.items():
        merged.put((*path, name), value, place)


def _put_metric(merged: Merged, part: str, override: Override) -> None:
    """Replace name or direction of the metric."""
    place, old = Place(override.option), merged.fields.get("metric")
    if isinstance(old, str):
        old = {"name": old}
    if isinstance(old, list):
        if part == "direction":
            raise ConfigError(
                "the config file has several metrics; which one is meant?",
                source=override.option,
                hint="give --metric_key as well",
            )
        old = None
    if old is None:
        merged.put(("metric",), {}, place)
    elif isinstance(old, dict):
        merged.fields["metric"] = dict(old)
    else:
        return
    merged.put(("metric", part), override.value, place)


def _put_docker(
    merged: Merged, part: str, override: Override, given: Mapping[str, Override]
) -> None:
    """Replace a part of the container; an image replaces a Dockerfile, and the reverse."""
    old = merged.fields.get("docker_config")
    if old is None:
        merged.put(("docker_config",), {}, Place(override.option))
    elif isinstance(old, dict):
        merged.fields["docker_config"] = dict(old)
    else:
        return
    replaced = {"image": ("dockerfile", "context", "args"), "dockerfile": ("image",)}
    for other in replaced.get(part, ()):
        if f"docker_config.{other}" not in given:
            merged.drop(("docker_config", other))
    path = ("docker_config", part)
    if part == "args" and isinstance(override.value, dict):
        _put_entries(merged, path, override)
    else:
        merged.put(path, override.value, Place(override.option))

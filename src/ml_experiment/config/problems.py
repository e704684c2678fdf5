"""Several things that are wrong with a configuration, told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Sequence

# So many fit on a screen; nobody mends more at a time.
_SHOWN = 8


class ConfigErrors(ConfigError):  # noqa: N818 - several of what ConfigError is one of
    """Two or more things are wrong; ``problem``, ``line`` and so on are the first one's.

    Attributes:
        errors: All of them, in the order in which a reader of the file meets them.
    """

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(
            first.problem,
            source=first.source,
            line=first.line,
            field=first.field,
            hint=first.hint,
        )

    def _message(self) -> str:
        shown = [str(error) for error in self.errors[:_SHOWN]]
        left = len(self.errors) - len(shown)
        if left:
            shown.append(f"... and {left} more")
        return f"{len(self.errors)} errors\n" + "\n".join(shown)


def raise_all(errors: Sequence[ConfigError]) -> None:
    """Raise what there is: nothing, the one error, or all of them as one."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigErrors(errors)


@dataclass(frozen=True)
class Place:
    """Where a value was written.

    Attributes:
        source: A file or an option; ``None`` where values came from Python.
        line: Line in the file, from 1.
    """

    source: str | None = None
    line: int | None = None

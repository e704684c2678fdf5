"""A first look at the command line, before anything long is imported.

It tells whether a run is to come, and guesses its seed, such that processes can get ready for
it meanwhile. What it guesses wrong costs time and nothing else: options and config are read
properly afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.supervise.waiting import Waiting

COMMANDS = frozenset(
    {
        *("run", "show", "list", "report", "sync", "ui"),
        *("check", "reproduce", "diff", "export", "restore"),
    }
)
OWN_OPTIONS = frozenset(
    {"--help", "--version", "--install-completion", "--show-completion"}
)
# What the shell's completion asks for is answered by the same command.
_COMPLETION = "_ML_EXPERIMENT_COMPLETE"

# At the top level of YAML, or anywhere in JSON.
_SEED = re.compile(
    r"^(?:[ {,]*\"seed\"|seed)\s*:\s*(\d+)\s*(?:[,}#].*)?$", re.MULTILINE
)
_SCRIPT = re.compile(
    r"^(?:[ {,]*\"run\"|run)\s*:\s*[\[\-\s]*[\"']?([^\"'#,\[\]\n]+\.py)\b", re.MULTILINE
)
_GROUP = re.compile(r"^(?:[ {,]*\"kind\"|kind)\s*:\s*[\"']?group\b", re.MULTILINE)


def expect_run(words: Sequence[str]) -> Waiting | None:
    """Start what gets ready for a run, if the command line asks for one.

    Args:
        words: The words of the command line, without the command itself.
    """
    if not asks_for_run(words) or _COMPLETION in os.environ:
        return None
    from ml_experiment.supervise.waiting import Waiting

    file = _option(words, "--config_file")
    config = "" if file is None else _text(Path(file))
    return Waiting(
        Path.cwd(),
        os.environ,
        seed=guessed_seed(words, config),
        script=guessed_script(words, config, Path(file or "").parent),
        group=seems_group(words, config),
    )


def names_command(words: Sequence[str]) -> bool:
    """Return whether the first word is a command, or an option of ``ml-experiment``."""
    first = underscored(words[0]) if words else "--help"
    return first in COMMANDS or first.split("=", 1)[0] in OWN_OPTIONS


def asks_for_run(words: Sequence[str]) -> bool:
    """Return whether a run is to come; ``run`` need not be said."""
    is_run = words[:1] == ["run"] or not names_command(words)
    return is_run and OWN_OPTIONS.isdisjoint(words)


def guessed_seed(words: Sequence[str], config: str) -> int | None:
    """Return the seed that the command line or the config's text seem to give."""
    given = _option(words, "--seed")
    if given is None:
        found = _SEED.search(config)
        given = None if found is None else found[1]
    try:
        return None if given is None else int(given)
    except ValueError:
        return None  # it is refused later


def guessed_script(words: Sequence[str], config: str, folder: Path) -> Path | None:
    """Return the script that the command line or the config's text seem to name first.

    Args:
        words: The words of the command line.
        config: Text of the config file.
        folder: Where the config file lies.
    """
    given = [word for word in words if word.endswith(".py") and word[0] != "-"]
    if not given:
        found = _SCRIPT.search(config)
        given = [] if found is None else [found[1]]
    with contextlib.suppress(OSError):  # it is looked for again, and then told
        for text in given[:1]:
            for place in (Path(), folder):
                path = place / text
                if path.is_file():
                    return path.parent.resolve() / path.name
    return None


def seems_group(words: Sequence[str], config: str) -> bool:
    """Return whether the command line or the config's text seem to ask for a group."""
    given = _option(words, "--kind")
    return _GROUP.search(config) is not None if given is None else given == "group"


def underscored(word: str) -> str:
    """Accept ``--num-trials`` for ``--num_trials``."""
    if not word.startswith("--"):
        return word
    option, equals, value = word.partition("=")
    if option in {"--install-completion", "--show-completion", "--"}:
        return word
    return "--" + option[2:].replace("-", "_") + equals + value


def _option(words: Sequence[str], name: str) -> str | None:
    """Return the last value that an option is given."""
    found = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        option, equals, value = underscored(word).partition("=")
        if option == name:
            found = value if equals else following
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it is missed later

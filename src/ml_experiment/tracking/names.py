"""Names and texts as MLflow takes them."""

from __future__ import annotations

import json
import posixpath
import re


# https://mlflow.org/docs/latest/api_reference/python_api/mlflow.client.html: ``log_param``,
# ``set_tag``. All of MLflow's own stores support these lengths, in characters.
LONGEST_NAME = 250
LONGEST_PARAM = 6000
LONGEST_TAG = 8000

# https://mlflow.org/docs/latest/rest-api.html#log-batch
MOST_METRICS = 1000

_LONGEST_CHANGED = 200  # leaves room for the tag that keeps the original
_REFUSED = re.compile(r"[^/\w.\- :]")


def _is_allowed(name: str) -> bool:
    plain = posixpath.normpath(name)
    return (
        bool(name)
        and len(name) <= LONGEST_NAME
        and not _REFUSED.search(name)
        and plain == name
        and plain != "."
        and not plain.startswith(("..", "/"))
    )


def _changed(name: str) -> str:
    parts = [part for part in _REFUSED.sub("_", name).split("/") if part.strip(". ")]
    return "/".join(parts)[:_LONGEST_CHANGED].rstrip("/") or "_"


class Names:
    """Gives each name of a run one that MLflow takes, always a different one.

    The result depends on the names and their order only, so it is the same when a journal is
    read again.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def __getitem__(self, original: str) -> str:
        if original not in self._given:
            self._given[original] = self._free(original)
            self._taken.add(self._given[original])
        return self._given[original]

    def _free(self, original: str) -> str:
        name = original if _is_allowed(original) else _changed(original)
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name[:_LONGEST_CHANGED]}_{count}"
        return free

    @property
    def changed(self) -> dict[str, str]:
        """What MLflow has been given, to the original, where the two differ."""
        return {new: old for old, new in self._given.items() if new != old}


def name_tags(kind: str, names: Names) -> dict[str, str]:
    """Return the tags that keep the originals of changed names.

    Args:
        kind: ``metric``, ``param`` or ``tag``.
        names: All names of this kind.
    """
    return {
        f"ml_experiment.{kind}_name.{new}": old for new, old in names.changed.items()
    }


def clean(text: str) -> str:
    """Return a text that every database can hold: no NUL, no half of a character."""
    whole = text.encode("utf-8", errors="replace").decode("utf-8")
    return whole.replace("\0", "\ufffd")


def shortened(text: str, limit: int, whole_in: str) -> str:
    """Return ``text``, cut to ``limit`` characters with a note of where all of it is."""
    cleaned = clean(text)
    if len(cleaned) <= limit:
        return cleaned
    note = f"\n[cut: {len(cleaned)} characters, all of them in {whole_in}]"
    return cleaned[: limit - len(note)] + note


def param_text(value: object) -> str:
    """Return a parameter's value as text: plain for scalars, JSON for what is nested."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)

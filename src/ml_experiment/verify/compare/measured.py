"""Names that say of a value that it is another at every run."""

from __future__ import annotations

import re


# What is measured with a clock, or of the machine. The word stands at the end of a name, or
# before a unit or a statistic: `fit_time`, `elapsed_s`, `peak_memory_mb`, and not
# `time_to_event_error`.
_MEASURED = re.compile(
    r"(?:.*_)?(?:time|times|timing|seconds?|secs|duration|elapsed|runtime|walltime|"
    r"latency|fps|milliseconds|throughput|(?:\w+_)?per_sec(?:ond)?|rss|memory|cpu_percent|"
    r"gpu_util(?:ization)?)"
    r"(?:_(?:s|ms|us|ns|min|minutes|sec|secs|seconds|mb|gb|mib|gib|bytes|mean|std|avg|"
    r"total|max|peak|per_\w+))*_?",
    re.IGNORECASE,
)
_STAMP = re.compile(
    r"(?:.*_)?(?:timestamp|datetime|date|created|created_at|modified|saved_at|date_saved|"
    r"creation_time|utc_time_created|uuid|run_id|run_uuid|hostname|pid)_?",
    re.IGNORECASE,
)


# Times that are data: what a model predicts of trips or patients is a result.
_DATA = re.compile(
    r"(?:.*_)?(?:trip|ride|call|travel|journey|flight|delivery|arrival|departure|waiting|"
    r"survival|event|failure|reaction|stay|race|lap|game|pred|predicted|true|actual|"
    r"expected|observed|target)_(?:times?|duration|seconds|minutes)(?:_.*)?",
    re.IGNORECASE,
)
_LONGEST = 200  # characters: what is longer is no name


def looks_measured(name: str) -> bool:
    """Return whether a value of that name is the time or the memory that a run took."""
    return _is_measured(_words(name))


def looks_volatile(name: str) -> bool:
    """Return whether a value of that name tells when or where a run was, too."""
    words = _words(name)
    return _is_measured(words) or _STAMP.fullmatch(words) is not None


def _is_measured(words: str) -> bool:
    return _MEASURED.fullmatch(words) is not None and _DATA.fullmatch(words) is None


def _words(name: str) -> str:
    """Return a name with its words joined by ``_``, whatever joined them."""
    if len(name) > _LONGEST:
        return ""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", spaced).strip("_")

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


def looks_measured(name: str) -> bool:
    """Return whether a value of that name is the time or the memory that a run took."""
    return _MEASURED.fullmatch(_words(name)) is not None


def looks_volatile(name: str) -> bool:
    """Return whether a value of that name tells when or where a run was, too."""
    words = _words(name)
    return _MEASURED.fullmatch(words) is not None or _STAMP.fullmatch(words) is not None


def _words(name: str) -> str:
    """Return a name with its words joined by ``_``, whatever joined them."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", spaced).strip("_")

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
# What names a part of the run's own work, and a quantity of it: of nothing else than the run.
_OWN_WORK = (
    r"(?:fit|fitting|refit|score|scoring|train|training|eval|evaluation|predict|inference|"
    r"epoch|iter|iteration|batch|loading|preprocessing|compile|compilation|compute|"
    r"computation|cpu|gpu|wall|wall_?clock|exec|execution|tuning|optimization)"
)
_UNIT = r"(?:_(?:s|ms|us|ns|min|minutes|sec|secs|seconds))"
_STATISTIC = r"(?:_(?:mean|std|avg|total|max))*_?"
_UNMISTAKABLE = re.compile(
    rf"(?:.*_)?{_OWN_WORK}_(?:times?|timing|duration|seconds|secs){_UNIT}?{_STATISTIC}|"
    rf"(?:.*_)?(?:took|elapsed){_UNIT}{_STATISTIC}|took_?|"
    rf"(?:wall|cpu|gpu)time{_UNIT}?{_STATISTIC}|"
    r"(?:.*_)?(?:peak|max)_(?:rss|memory)(?:_(?:kb|mb|gb|kib|mib|gib|bytes))?|"
    r"cpu_percent|gpu_util(?:ization)?|"
    r"(?:steps|samples|batches|iterations|epochs|it)_per_sec(?:ond)?|"
    # What Keras and MLflow write of the moment of saving, and of the run.
    r"date_saved|utc_time_created|run_id|run_uuid|model_uuid",
    re.IGNORECASE,
)
_LONGEST = 200  # characters: what is longer is no name


def looks_measured(name: str, *, same_inputs: bool) -> bool:
    """Return whether a value of that name is the time or the memory that a run took.

    Args:
        name: Of a metric.
        same_inputs: Nothing but the clock can have made a difference. Otherwise a name
            that may be one of the data, such as ``time``, is taken for that.
    """
    words = _words(name)
    return _is_measured(words) if same_inputs else _is_unmistakable(words)


def looks_volatile(name: str, *, same_inputs: bool) -> bool:
    """Return whether a value of that name tells when or where a run was, too.

    Args:
        name: Of a column, a key or an attribute.
        same_inputs: As of `looks_measured`.
    """
    words = _words(name)
    if not same_inputs:
        return _is_unmistakable(words)
    return _is_measured(words) or _STAMP.fullmatch(words) is not None


def _is_unmistakable(words: str) -> bool:
    return _UNMISTAKABLE.fullmatch(words) is not None and _DATA.fullmatch(words) is None


def _is_measured(words: str) -> bool:
    return _MEASURED.fullmatch(words) is not None and _DATA.fullmatch(words) is None


def _words(name: str) -> str:
    """Return a name with its words joined by ``_``, whatever joined them."""
    if len(name) > _LONGEST:
        return ""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", spaced).strip("_")

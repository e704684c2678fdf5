"""Text without what is another at every run: times, places, addresses, process numbers."""

from __future__ import annotations

import re


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_UNITS = (
    r"(?:s|secs?|seconds?|ms|msec|milliseconds?|us|µs|μs|microseconds?|ns|mins?|minutes?|"
    r"hrs?|hours?|it/s|s/it|ms/step|us/step|s/step|s/epoch|(?:samples|images|rows|batches|"
    r"steps|examples)/s(?:ec(?:ond)?)?|fps|[kMG]i?B)"
)
_SPAN = rf"{_NUMBER}\s?{_UNITS}(?![\w/])"
_DAYS = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+"
_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?"
_WRITTEN = (
    rf"\b(?:{_DAYS})?{_MONTHS}\.?\s+\d{{1,2}},?\s+(?:\d{{4}}\b)?(?:\s*{_CLOCK})?"
    r"(?:\s+[A-Z]{3,4})?(?:\s+\d{4})?"
)
_TIMED = (
    r"(?:(?:\w*_)?(?:time|elapsed|duration|runtime|seconds|secs|latency|fps|eta|took|"
    r"throughput|rss|memory)(?:_s|_ms|_sec|_mb|_seconds)?"
    r"(?:\s+(?:taken|spent|used|elapsed|of|is|was|per\s+\w+|for\s+\w+|\(\w+\)))*\s*[:=]?|"
    r"(?:done|finished|completed|trained|fitted|ran|ready|took)(?:\s+\w+)?\s+in)"
)
_RULES = [
    (re.compile(pattern, re.IGNORECASE if ignore_case else 0), replacement)
    for pattern, replacement, ignore_case in (
        (r"\x1b\[[0-9;?]*[A-Za-z]", "", False),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", True),
        (r"\b\d{8}-\d{6}-[0-9a-f]{7}(?:-t\d+)?\b", "<run>", False),
        (
            r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]" + _CLOCK + r"(?:Z|\s?[+-]\d\d:?\d\d)?)?",
            "<date>",
            False,
        ),
        (
            _WRITTEN,
            "<date>",
            False,
        ),
        (rf"\b(?:\d+ days?,? )?{_CLOCK}(?:\s?[AP]M\b)?", "<time>", False),
        (r"\b0x[0-9a-f]{4,}\b", "<address>", True),
        (
            r"\b(pid|process|thread|worker|port)(\W{0,3}(?:id\W{0,2})?)\d+",
            r"\1\2<id>",
            True,
        ),
        (r"\b(localhost|127\.0\.0\.1):\d+", r"\1:<port>", False),
        (r"(?<![\w./:<])/(?:[^\s/'\"<>|:,;()]+/)+", "<path>/", False),
        (r"<path>/(?:tmp[\w]{6,}|[\w.-]*tmp[\w]{6,})", "<path>/<temporary>", False),
        (rf"(?<![\w.]){_NUMBER}\s?{_UNITS}(?![\w/])", "<measured>", False),
        (rf"\b({_TIMED}\s*){_NUMBER}", r"\1<measured>", True),
    )
]
# What the run was called, where it was, and how long it says that it took: never data.
_OF_THE_RUN = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
        (r"\b\d{8}-\d{6}-[0-9a-f]{7}(?:-t\d+)?\b", "<run>"),
        (r"\b0x[0-9a-f]{4,}\b", "<address>"),
        (r"(?<![\w./:<])/(?:[^\s/'\"<>|:,;()]+/)+", "<path>/"),
        (r"<path>/(?:tmp[\w]{6,}|[\w.-]*tmp[\w]{6,})", "<path>/<temporary>"),
        (
            r"\b(took\s+|(?:done|finished|completed|trained|fitted)\s+in\s+)" + _SPAN,
            r"\1<measured>",
        ),
    )
]
_BAR = re.compile(r"\d+%\s?\|.*\||[━█▏▎▍▌▋▊▉╸]{3,}")


def without_volatile(text: str, *, same_inputs: bool = True) -> str:
    """Return a text with what changes from run to run replaced by its kind.

    Args:
        text: Any text.
        same_inputs: Nothing but the clock can have made a difference. Otherwise dates and
            quantities of time may be results, and stay.
    """
    for pattern, replacement in _RULES if same_inputs else _OF_THE_RUN:
        text = pattern.sub(replacement, text)
    return text


def plain_lines(text: str) -> list[str]:
    """Return the lines of a console in that form, as they looked in the end.

    Progress bars are left out: how often they were drawn depends on the clock.
    """
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        shown = line.rstrip("\r").rpartition("\r")[2]
        while "\b" in shown:
            shown, before = re.sub(r"[^\b]\b|^\b+", "", shown), shown
            if shown == before:
                break
        plain = without_volatile(shown).rstrip()
        if plain and not _BAR.search(plain):
            lines.append(plain)
    return lines

"""Print how two runs compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.verify.compare.answer import State, Verdict


if TYPE_CHECKING:
    from rich.console import Console

    from ml_experiment.verify.compare.answer import Comparison, Row

_STYLES = {
    Verdict.IDENTICAL: "bold green",
    Verdict.WITHIN_TOLERANCE: "bold green",
    Verdict.DIFFERENT: "bold red",
    Verdict.NOT_COMPARABLE: "bold yellow",
}
_STATE_STYLES = {
    State.SAME: "green",
    State.CLOSE: "green",
    State.CHANGED: "red",
    State.UNKNOWN: "yellow",
}
_MOST_CAUSES = 5
_MOST_DETAILS = 10


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print a comparison: the verdict, the causes, the aspects, and what differs.

    Args:
        comparison: What to print.
        console: Where.
    """
    from rich.text import Text

    style = _STYLES[comparison.verdict]
    console.print(
        Text.assemble((comparison.verdict.value, style), f": {comparison.reason}")
    )
    _print_causes(comparison, console)
    console.print()
    console.print(f"first   {comparison.old}", f"second  {comparison.new}", sep="\n")
    console.print()
    _print_rows(comparison, console)
    for row in comparison.rows:
        if row.is_result and row.state is not State.SAME and row.details:
            _print_details(row, console)
    for warning in comparison.warnings:
        console.print(Text.assemble(("note: ", "yellow"), warning))


def _print_causes(comparison: Comparison, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if not comparison.causes:
        return
    console.print()
    console.print(Text("likeliest causes", style="bold"))
    for cause in comparison.causes[:_MOST_CAUSES]:
        console.print(Padding(Text(f"{cause.rank}. {cause.sentence}"), (0, 0, 0, 2)))
        if cause.hint:
            console.print(Padding(Text(cause.hint, style="dim"), (0, 0, 0, 5)))
    more = len(comparison.causes) - _MOST_CAUSES
    if more > 0:
        console.print(f"  and {more} more; `--json` lists them")


def _print_rows(comparison: Comparison, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2), pad_edge=False)
    for heading in ("Aspect", "", "What"):
        table.add_column(heading, overflow="fold")
    for row in comparison.rows:
        table.add_row(
            row.name,
            Text(row.state.value, style=_STATE_STYLES[row.state]),
            Text(row.summary),
        )
    console.print(table)


def _print_details(row: Row, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(Text(row.name, style="bold"))
    for detail in row.details[:_MOST_DETAILS]:
        console.print(Padding(Text(detail), (0, 0, 0, 2)))
    more = len(row.details) - _MOST_DETAILS
    if more > 0:
        console.print(f"  and {more} more")

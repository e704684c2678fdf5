"""README and preview: what a crate is, for people."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ml_experiment.verify.crate.entities import literal
from ml_experiment.verify.crate.facts import moment
from ml_experiment.verify.crate.items import Item
from ml_experiment.verify.crate.layout import PREVIEW, README, SUFFIX


if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ml_experiment.verify.crate.contents import Contents
    from ml_experiment.verify.crate.facts import Facts

_MOST_ROWS = 200
_CAUTION = (
    "The record tells on which machine and in which folders the run was made. The "
    "digests show that nothing was changed by accident; they are no signature and do "
    "not tell who made the crate."
)
_STYLE = """\
body { font: 16px/1.5 sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0 0 1.5rem; }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
td { font-family: monospace; overflow-wrap: anywhere; }
"""


def readme(facts: Facts, contents: Contents) -> Item:
    """Return the README of a crate."""
    manifest = facts.manifest
    example = f"{manifest.run_id}{SUFFIX}"
    about = (
        f"This is a research object (RO-Crate) of one {manifest.kind} recorded by "
        f"ml-experiment. It was started {moment(manifest.created)} and ended "
        f"{facts.outcome.status}."
    )
    lines = [
        f"# {_plain(manifest.name)}, run {manifest.run_id}",
        "",
        about,
        "",
        "To run it again, and see whether it gives the same, with the zip file:",
        "",
        "```console",
        "$ pip install ml-experiment",
        f"$ ml-experiment reproduce {example}",
        "```",
        "",
        "| here | what |",
        "| --- | --- |",
        f"| `{contents.run_folder}/` | the record of the run, as it lay on disk |",
        "| `code/` | the code that ran, to be read |",
        "| `data/` | the data that it read, if it was exported with its data |",
        "| `ro-crate-metadata.json` | what is described here, for programs |",
        "| `manifest-sha256.txt` | the digest of every file |",
        "",
        *_about_data(facts, contents),
        _CAUTION,
        "",
        *(line for note in contents.notes for line in (_plain(note), "")),
    ]
    return Item.of_text(README, "\n".join(lines))


def _about_data(facts: Facts, contents: Contents) -> list[str]:
    files = facts.part("data").get("files", [])
    own = [each for each in files if not each.get("package")]
    if not own or len(contents.data) == len(own):
        return []
    text = (
        f"{len(own)} data file(s) that the run read are not in here; "
        "the record has their names and digests."
    )
    return [text, ""]


def preview(facts: Facts, contents: Contents) -> Item:
    """Return the preview of a crate, one HTML page without anything from elsewhere."""
    manifest, outcome = facts.manifest, facts.outcome
    about = {
        "Run": manifest.run_id,
        "Kind": manifest.kind,
        "Status": f"{outcome.status} {outcome.reason}".strip(),
        "Started": moment(manifest.created),
        "Ended": moment(outcome.ended),
        "Script": contents.script or manifest.script,
        "Seed": manifest.seed,
    }
    files = {item.name: f"{item.size} bytes" for item in contents.items}
    body = "".join(
        [
            f"<h1>{html.escape(manifest.name)}</h1>\n",
            f"<p>{html.escape(manifest.description)}</p>\n"
            if manifest.description
            else "",
            _table("About", about),
            _table("Parameters", facts.params),
            _table("Metrics", facts.metrics),
            _table("Files", files),
        ]
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(manifest.name)}</title>\n"
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
    return Item.of_text(PREVIEW, page)


def _table(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    shown = list(values.items())[:_MOST_ROWS]
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(literal(value)))}</td></tr>\n"
        for name, value in shown
    )
    more = len(values) - len(shown)
    rest = f"<p>and {more} more</p>\n" if more else ""
    return f"<h2>{title}</h2>\n<table>\n{rows}</table>\n{rest}"


def _plain(text: str) -> str:
    """Return a text that Markdown does not take for markup."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text
    )

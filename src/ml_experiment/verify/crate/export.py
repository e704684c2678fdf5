"""Export a run as a research object."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import CrateError
from ml_experiment.verify.crate.archive import write_archive
from ml_experiment.verify.crate.contents import collect
from ml_experiment.verify.crate.facts import Facts
from ml_experiment.verify.crate.items import Item, refuse_awkward
from ml_experiment.verify.crate.layout import METADATA
from ml_experiment.verify.crate.metadata import describe
from ml_experiment.verify.crate.preview import preview, readme


if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ml_experiment.record.directory import RunDirectory


def export_run(
    run: RunDirectory,
    destination: Path,
    *,
    with_data: bool = False,
    replace: bool = False,
    secrets: AbstractSet[str] = frozenset(),
) -> Path:
    """Write a run as a research object: a Process Run Crate, a group a Workflow Run Crate.

    The same run gives the same bytes each time.

    Args:
        run: A run that has ended, successfully or not; of a group, the whole.
        destination: The zip file to write.
        with_data: Take the data files along that the run read, but for those that come
            with a package.
        replace: Replace a file that is there.
        secrets: What no text of the crate may hold; masked where it is found.

    Returns:
        The destination.

    Raises:
        CrateError: The run goes on, its data has changed, or the file cannot be written.
        RecordError: The run directory cannot be read.
    """
    if destination.exists() and not replace:
        raise CrateError(f"{destination} exists; `--force` replaces it")
    facts = Facts(run)
    with tempfile.TemporaryDirectory(prefix="ml-experiment-export-") as scratch:
        contents = collect(facts, Path(scratch), with_data=with_data, secrets=secrets)
        items = [
            *contents.items,
            readme(facts, contents),
            preview(facts, contents),
        ]
        items.append(Item.of_text(METADATA, describe(facts, contents, items)))
        refuse_awkward(items)
        write_archive(items, destination)
    return destination

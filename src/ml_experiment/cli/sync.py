"""``sync``: set right what was interrupted, and publish what is pending."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.config.environment import load_environment
from ml_experiment.errors import MlExperimentError, RecordError
from ml_experiment.record.directory import all_runs, read_json
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome
from ml_experiment.supervise.recover import recover
from ml_experiment.supervise.start import PUBLISHED_KINDS


if TYPE_CHECKING:
    from ml_experiment.config.environment import Environment
    from ml_experiment.record.directory import RunDirectory


def sync_runs() -> int:
    """Close and publish the runs of this folder.

    Returns:
        0 if nothing is pending afterwards, else 1.
    """
    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)  # credentials of the server may be there
    pending = 0
    counts = {"closed": 0, "published": 0, "running": 0}
    for run in all_runs(environment.runs_root):
        try:
            pending += not _sync(run, environment, counts)
        except MlExperimentError as error:
            print(f"{run.run_id}: {error}", file=sys.stderr)
            pending += 1
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    left = f", {pending} pending" if pending else ""
    print(f"{said or 'nothing to do'}{left}")
    return 1 if pending else 0


def _sync(run: RunDirectory, environment: Environment, counts: dict[str, int]) -> bool:
    """Set one run right; return whether nothing of it is pending.

    Raises:
        MlExperimentError: Its record is damaged.
    """
    found = recover(run)
    if found == "running":
        counts["running"] += 1
        return True
    if found == "closed now":
        counts["closed"] += 1
        _say_closed(run)
    read_outcome(run)  # published or not, a damaged one is named
    if not _is_pending(run):
        return True
    done = _publish(run, environment)
    counts["published"] += done
    return done


def _say_closed(run: RunDirectory) -> None:
    outcome = read_outcome(run)
    if outcome is not None:
        print(f"{run.run_id}: closed as {outcome.status}: {outcome.reason}")


def _is_pending(run: RunDirectory) -> bool:
    if read_manifest(run).kind not in PUBLISHED_KINDS:
        return False
    try:
        return not (read_json(run.published) or {}).get("closed")
    except RecordError:
        return True


def _publish(run: RunDirectory, environment: Environment) -> bool:
    from ml_experiment.tracking.publisher import Settings, publish

    settings = Settings(environment.tracking_uri, environment.artifact_root)
    try:
        published = publish(run, settings)
    except MlExperimentError as error:
        print(f"{run.run_id}: not published: {error}", file=sys.stderr)
        return False
    if not published.closed:
        print(f"{run.run_id}: not published: {published.error}", file=sys.stderr)
        return False
    outcome = read_outcome(run)
    failed = outcome is not None and not outcome.succeeded
    if failed and read_manifest(run).delete_if_failed:
        run.remove()
    return True

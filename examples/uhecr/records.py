"""What is on record of the study: run directories, as their reference describes them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path

    def document(self, name):
        """Return a JSON file of the directory; empty if it is not there (yet)."""
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else {}

    @cached_property
    def manifest(self):
        return self.document("manifest.json")

    @property
    def run_id(self):
        return self.manifest["run_id"]

    @property
    def finished(self):
        return self.document("outcome.json").get("status") == "FINISHED"

    @cached_property
    def events(self):
        """The journal: a list of events."""
        lines = (self.path / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    @property
    def metrics(self):
        """The last value of each metric."""
        found = {}
        for event in self.events:
            if event["event"] == "metrics":
                found |= event["metrics"]
        return found

    @property
    def params(self):
        """The parameters that ``main`` was called with, its defaults included."""
        return next((e["params"] for e in self.events if e["event"] == "started"), {})

    @property
    def mlflow_run_id(self):
        return self.document("published.json").get("mlflow_run_id")

    @cached_property
    def trials(self):
        """The trials of a group, in their order."""
        return [Trial(path) for path in sorted((self.path / "trials").glob("[0-9]*"))]

    @property
    def best(self):
        """The trial with the largest metric, the first of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return max(complete, key=lambda trial: (trial.value, -trial.number))


@dataclass(frozen=True)
class Trial(Run):
    """The directory of a trial."""

    @cached_property
    def result(self):
        return self.document("result.json")

    @property
    def number(self):
        return int(self.path.name)

    @property
    def state(self):
        """complete, pruned or failed."""
        return self.result.get("state")

    @property
    def value(self):
        """The metric; of a pruned trial the last that it reported."""
        if self.result.get("values"):
            return self.result["values"][0]
        steps = self.result.get("intermediate_values") or {}
        return steps[max(steps, key=int)] if steps else None

    @property
    def drawn(self):
        """The parameters that the search drew."""
        return self.document("drawn.json").get("params", {})

    @property
    def seed(self):
        return self.manifest["seed"]


def runs(folder="."):
    """Return the runs of a folder, oldest first."""
    paths = sorted(Path(folder, ".ml_experiment", "runs").glob("*/manifest.json"))
    return [Run(path.parent) for path in paths]


def group(name, folder="."):
    """Return the latest finished group of a name, or ``None``."""
    found = [
        run
        for run in runs(folder)
        if run.manifest["kind"] == "group"
        and run.manifest["name"] == name
        and run.finished
    ]
    return found[-1] if found else None


def tagged(tags, folder="."):
    """Return the latest finished run that has these tags, or ``None``."""
    found = [
        run
        for run in runs(folder)
        if tags.items() <= run.manifest["tags"].items() and run.finished
    ]
    return found[-1] if found else None

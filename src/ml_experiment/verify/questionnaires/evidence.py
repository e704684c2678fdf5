"""What a record says about the things that checklists ask for, in sentences."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from ml_experiment.record.journal import decode_number


if TYPE_CHECKING:
    from ml_experiment.verify.crate.facts import Facts, TrialFacts

_SHOWN = 10
_GIB = 1 << 30


class Evidence:
    """The record of a run, read for a checklist.

    Each method gives sentences that the record supports, none if it holds nothing.

    Args:
        facts: The run.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.trials: list[TrialFacts] = facts.trials() if facts.is_group else []

    def data(self) -> list[str]:
        """Which data files were read."""
        part = self.facts.part("data")
        files = part.get("files") or []
        if not files:
            return []
        count, total = len(files), part.get("bytes", 0)
        digest = _code(part.get("digest"))
        found = [f"{count} data file(s) read, {total} bytes; digest of all: {digest}."]
        for each in files[:_SHOWN]:
            place = each.get("relative") or each["path"]
            package = each.get("package")
            comes = f", comes with {package}" if package else ""
            digest = each.get("sha256") or "not recorded"
            found.append(
                f"{_code(place)}: {each.get('size')} bytes, SHA-256 {_code(digest)}{comes}."
            )
        return found + _more(files)

    def shapes(self) -> list[str]:
        """How large the data is that the data loader gave."""
        return [
            f"{_code(each.get('path'))} as loaded: {each.get('kind')}, shape "
            f"{each.get('shape')}, type {each.get('dtype')}."
            for each in self.facts.of_kind("loaded")[:_SHOWN]
        ]

    def splits(self) -> list[str]:
        """How data was split."""
        events = self.facts.of_kind("split")
        distinct = {json.dumps(_how(each), sort_keys=True): each for each in events}
        found = []
        for each in list(distinct.values())[:_SHOWN]:
            options = _pairs(each.get("options") or {})
            sizes = each.get("sizes")
            found.append(
                f"Split by {_code(each.get('call'))} ({options}) at "
                f"{_code(each.get('where'))} into parts of {sizes}."
            )
        return found + _more(list(distinct))

    def parameters(self) -> list[str]:
        """With which hyper-parameters the run, or the best trial, was made."""
        found = []
        if self.facts.params:
            found.append(f"Parameters: {_pairs(self.facts.params)}.")
        best = self.facts.best
        if best is not None:
            found.append(f"Best trial {best['number']}: {_pairs(best['params'])}.")
        return found

    def search(self) -> list[str]:
        """Which hyper-parameters were tried, and how they were chosen."""
        groups = self.facts.of_kind("group")
        if not groups:
            return []
        group = groups[-1]
        space = self.facts.config.get("param_space") or {}
        found = [
            f"Range of {_code(name)}: {_code(each)}." for name, each in space.items()
        ]
        goals = zip(group["directions"], group["metrics"], strict=False)
        aims = ", ".join(f"{direction} {_code(name)}" for direction, name in goals)
        found.append(
            f"Chosen by {aims}; sampler {_code(group['sampler']['name'])}, pruner "
            f"{_code(group['pruner']['name'])}, seed {self.facts.manifest.seed}."
        )
        return found

    def runs(self) -> list[str]:
        """How many runs were made."""
        if not self.facts.is_group:
            return [
                "One run is in this record; other runs of the experiment have their own."
            ]
        states = Counter(each.state or "not ended" for each in self.trials)
        counts = ", ".join(
            f"{count} {state}" for state, count in sorted(states.items())
        )
        return [f"{len(self.trials)} trials: {counts}."]

    def metrics(self) -> list[str]:
        """Which values were reached."""
        values = self.facts.metrics
        whose = "of the best trial" if self.facts.is_group else "at the end"
        return [f"{_code(name)} {whose}: {value}." for name, value in values.items()]

    def spread(self) -> list[str]:
        """How the values of a group's trials are spread."""
        found = []
        for place, name in enumerate(self.facts.metric_names):
            values = [
                decode_number(each.values[place])
                for each in self.trials
                if len(each.values) > place
            ]
            if len(values) > 1:
                found.append(
                    f"{_code(name)} over {len(values)} complete trials: minimum "
                    f"{min(values)}, median {statistics.median(values)}, maximum "
                    f"{max(values)}. The trials have different parameters, so these "
                    "are no error bars."
                )
        return found

    def time(self) -> list[str]:
        """How long it took."""
        manifest, outcome = self.facts.manifest, self.facts.outcome
        found = [f"Wall time: {outcome.ended - manifest.created:.1f} s."]
        seconds = [each.seconds for each in self.trials if each.seconds is not None]
        if seconds:
            found.append(
                f"{len(seconds)} trials took {sum(seconds):.1f} s together, "
                f"{statistics.fmean(seconds):.2f} s on average, at most "
                f"{max(seconds):.2f} s."
            )
        return found

    def hardware(self) -> list[str]:
        """On which machine it ran."""
        part = self.facts.part("hardware")
        cpu = part.get("cpu") or {}
        if not cpu:
            return []
        found = [f"CPU: {cpu.get('model')}, {cpu.get('logical_cores')} logical cores."]
        total = (part.get("memory") or {}).get("total_bytes")
        if total:
            found.append(f"Memory: {total / _GIB:.1f} GiB.")
        gpus = [str(each.get("name")) for each in part.get("gpus") or []]
        found.append(f"GPUs: {', '.join(gpus) if gpus else 'none was seen'}.")
        return found

    def software(self) -> list[str]:
        """With which software it ran."""
        part = self.facts.part("software")
        python = (part.get("python") or {}).get("version")
        if not python:
            return []
        packages = part.get("packages") or []
        system = (part.get("platform") or {}).get("description")
        return [
            f"Python {python} on {system}.",
            f"{len(packages)} packages with versions in `requirements.txt` of the run.",
        ]

    def code(self) -> list[str]:
        """Which code ran."""
        part = self.facts.part("source")
        if not part:
            return []
        git = part.get("git") or {}
        found = []
        if git.get("commit"):
            remote = f" of {_code(git['remote'])}" if git.get("remote") else ""
            state = "with uncommitted changes" if git.get("dirty") else "unchanged"
            found.append(f"Commit {_code(git['commit'])}{remote}, {state}.")
        if part.get("archive_sha256"):
            found.append(
                f"The code that ran is kept, {part.get('file_count')} files, SHA-256 "
                f"{_code(part['archive_sha256'])}; script {_code(part.get('script'))}."
            )
        return found

    def command(self) -> list[str]:
        """How it was started."""
        words = " ".join(self.facts.manifest.command)
        return [
            *([f"Started with {_code(words)}."] if words else []),
            f"To be run again with `ml-experiment reproduce {self.facts.manifest.run_id}`.",
        ]

    def seeds(self) -> list[str]:
        """How chance was controlled."""
        manifest = self.facts.manifest
        origin = "drawn and recorded" if manifest.seed_drawn else "given"
        found = [
            f"Seed {manifest.seed} ({origin}); deterministic: {manifest.deterministic}."
        ]
        own = [each for each in self.facts.of_kind("seeded") if "call" in each]
        found += [
            f"The script seeded {_code(each['call'])} with {each.get('value')} at "
            f"{_code(each.get('where'))}."
            for each in own[:_SHOWN]
        ]
        return found + _more(own)

    def artifacts(self) -> list[str]:
        """Which files came out."""
        events = self.facts.artifacts
        return [
            f"Artifact {_code(each['name'])}: {each.get('bytes')} bytes, SHA-256 "
            f"{_code(each.get('sha256'))}."
            for each in events[:_SHOWN]
        ] + _more(events)


def _how(split: dict[str, Any]) -> list[Any]:
    return [split.get(name) for name in ("call", "options", "where", "sizes")]


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(_code(f"{name}={value}") for name, value in values.items())


def _code(value: object) -> str:
    """Return the value as code in Markdown, in one line whatever it holds."""
    text = " ".join(str(value).split())
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _more(items: list[Any]) -> list[str]:
    rest = len(items) - _SHOWN
    return [f"And {rest} more in the record."] if rest > 0 else []

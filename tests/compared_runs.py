"""Run directories as a job leaves them, written without running one."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass, field, replace
from typing import Any

from ml_experiment.config.seeding import derive_seed
from ml_experiment.record.directory import RunDirectory, write_json
from ml_experiment.record.journal import Journal, encode_number
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.outcome import Outcome, write_outcome


CREATED = 1_700_000_000.0
BEFORE_NS = 1_600_000_000_000_000_000  # when data were written: before any run


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is to be in a run directory; by default, all that a good run leaves."""

    kind: str = "experiment"
    seed: int = 7
    seed_drawn: bool = False
    status: str | None = "FINISHED"
    reason: str = ""
    exception: dict[str, str] | None = None
    config: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=lambda: {"n": 10})
    metrics: tuple[tuple[str, int | None, float], ...] = (("loss", 0, 0.5),)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=lambda: {"train.py": "import lib\n"})
    left_out: tuple[str, ...] = ()
    imported_files: tuple[str, ...] = ("train.py",)
    data: dict[str, str] = field(default_factory=lambda: {"data.csv": "1"})
    data_package: str | None = None
    user_seeds: tuple[tuple[str, object], ...] = ()
    splits: tuple[str, ...] = ()
    packages: dict[str, str] = field(
        default_factory=lambda: {"lib": "1.0", "other": "1.0"}
    )
    imported: tuple[str, ...] = ("lib",)
    python: str = "3.11.7"
    environment: dict[str, str] = field(default_factory=dict)
    threads: int = 2
    hash_seed: str | None = "derived"
    blas: str = "Haswell"
    cpu: str = "one"
    end_states: dict[str, str] = field(default_factory=lambda: {"numpy": "aa"})
    untouched: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    started: bool = True
    uncontrolled: tuple[str, ...] = ()
    stdout: str = ""
    stderr: str = ""
    result: dict[str, Any] | None = None
    parts: bool = True

    def but(self, **changes: Any) -> Told:
        """Return the same with something else."""
        return replace(self, **changes)


def write_run(run: RunDirectory, told: Told, root: str = "/project") -> RunDirectory:
    """Write a run directory."""
    for folder in run.folders:
        folder.mkdir(parents=True, exist_ok=True)
    write_manifest(
        run,
        Manifest(
            run_id=run.run_id,
            kind=told.kind,
            name="train",
            script=f"{root}/train.py",
            cwd=root,
            command=["ml-experiment", "train.py"],
            started_by="cli",
            created=CREATED,
            seed=told.seed,
            seed_drawn=told.seed_drawn,
            launch={"argv": list(told.argv)},
        ),
    )
    write_json(run.config, {"name": run.run_id, "params": {}} | told.config)
    _write_journal(run, told, root)
    run.stdout.write_text(told.stdout)
    run.stderr.write_text(told.stderr)
    if told.parts:
        _write_parts(run, told, root)
    if told.result is not None:
        write_json(run.path / "result.json", told.result)
    if told.status is not None:
        write_outcome(
            run,
            Outcome(status=told.status, reason=told.reason, ended=CREATED + 1),  # type: ignore[arg-type]
        )
    return run


def _write_journal(run: RunDirectory, told: Told, root: str) -> None:
    journal = Journal(run.journal)
    if told.started:
        journal.write("started", params=told.params, pid=1)
    modules = {
        name.removesuffix(".py"): f"{root}/{name}" for name in told.imported_files
    }
    journal.write("modules", modules=modules)
    for name in told.data:
        journal.write("opened", path=f"{root}/{name}", size=1, mtime_ns=BEFORE_NS)
    for call, value in told.user_seeds:
        journal.write(
            "seeded", library="numpy", call=call, value=value, where="train.py:3"
        )
    for digest in told.splits:
        journal.write(
            "split",
            call="train_test_split",
            where="train.py:5",
            parts=[{"digest": digest}],
        )
    for name, step, value in told.metrics:
        journal.write("metrics", step=step, metrics={name: encode_number(value)})
    for name, content in told.artifacts.items():
        (run.artifacts / name).mkdir(parents=True)
        (run.artifacts / name / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        path = f"artifacts/{name}/{name}"
        journal.write("artifact", name=name, path=path, sha256=digest)
    if told.status is not None:
        journal.write(
            "ended", status=told.status, reason=told.reason, exception=told.exception
        )
    journal.close()


def _write_parts(run: RunDirectory, told: Told, root: str) -> None:
    hash_seed = told.hash_seed
    if hash_seed == "derived":
        hash_seed = str(derive_seed(told.seed, "PYTHONHASHSEED"))
    switches = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": str(told.threads)}
    parts: dict[str, dict[str, Any]] = {
        "stochasticity": {
            "seed": told.seed,
            "libraries": dict.fromkeys(told.end_states, "derived"),
            "end_states": told.end_states,
            "untouched": list(told.untouched),
            "generators": {},
            "uncontrolled": [
                {"what": what, "where": "train.py:4", "count": 1, "fix": "do not"}
                for what in told.uncontrolled
            ],
            "switches": switches,
        },
        "libraries": {
            "thread_pools": [
                {
                    "user_api": "blas",
                    "internal_api": "openblas",
                    "version": "0.3",
                    "num_threads": told.threads,
                    "architecture": told.blas,
                    "file": "libopenblas-1.so",
                }
            ],
            "switches": switches,
            "imported": list(told.imported),
        },
        "software": {
            "python": {"version": told.python, "implementation": "CPython"},
            "packages": [
                {"name": name, "version": version, "origin": "index"}
                for name, version in told.packages.items()
            ],
            "environment": told.environment,
        },
        "hardware": {"cpu": {"model": told.cpu, "logical_cores": 2}, "gpus": []},
        "data": {
            "files": [
                {
                    "path": f"{root}/{name}",
                    "relative": name,
                    "size": 1,
                    "sha256": digest,
                    "package": told.data_package,
                }
                for name, digest in told.data.items()
            ]
        },
        "source": {
            "root": root,
            "script": "train.py",
            "files": [
                {
                    "path": name,
                    "sha256": hashlib.sha256(text.encode()).hexdigest(),
                    "size": len(text),
                }
                for name, text in told.code.items()
            ],
            "left_out": [{"path": name, "reason": "data"} for name in told.left_out],
        },
    }
    for name, part in parts.items():
        write_json(run.part(name), part)
    with tarfile.open(run.source_archive, "w:gz") as archive:
        for name, text in told.code.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    run.requirements.write_text(
        "".join(f"{name}=={version}\n" for name, version in told.packages.items())
    )

"""Run the whole study: data, one search for each model, the test rows once for each cell.

    python run.py --size small      # minutes; shows that all of it works
    python run.py --size middle     # what results/ holds
    python run.py --size full       # the thesis' own sizes: a day or more

What is finished already is not run again; a search that was interrupted is gone on with.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from loaders import data_folder
from records import group, runs, tagged
from study import MODELS, SIZES, cells


HERE = Path(__file__).resolve().parent
SHOWERS = 2000  # of each primary: ten stations of a shower, on average
DATA_SEED = 1234


def main():
    options = _options()
    os.chdir(HERE)
    began = time.monotonic()
    make_data()
    models = [model for model in MODELS if model.key in options.only]
    for model in models:
        search(model, options.size)
    if not tagged({"role": "baseline"}):
        _run("ml-experiment", "--config_file", "configs/baseline.yaml")
    judged = [cell for cell in cells() if cell.model in options.only]
    # Each uses one core, as a trial does: sums depend on the number of threads.
    with ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(lambda cell: judge(cell, options.size), judged))
    subprocess.run(
        [sys.executable, "report.py", "--size", options.size, "--html"], check=True
    )
    print(f"size {options.size}: {(time.monotonic() - began) / 60:.0f} minutes")


def make_data():
    """Simulate the showers, if that has not been done."""
    if any(data_folder().glob("*-train.csv")):
        return
    _run(
        sys.executable, "-m", "showers", "--out", str(data_folder()),
        "--showers", str(SHOWERS), "--seed", str(DATA_SEED),
    )  # fmt: skip


def config_file(model, size):
    folder = Path("configs") if size == "full" else Path("configs", size)
    return folder / f"{model.key}.yaml"


def config(model, size):
    return yaml.safe_load((HERE / config_file(model, size)).read_text())


def search(model, size):
    """Run a model's search, or go on with it."""
    name = config(model, size)["name"]
    if group(name):
        return
    begun = any(
        run.manifest["name"] == name and run.manifest["kind"] == "group"
        for run in runs()
    )
    resume = ["--resume"] if begun else []
    _run("ml-experiment", "--config_file", str(config_file(model, size)), *resume)


def judge(cell, size):
    """Train once more with the settings of a cell, and look at the test rows.

    With the settings, the seed and the rows of the best trial this gives the best trial's
    model: the report checks that its accuracy on the validation rows is the same number.
    """
    seed, params = settings(cell, size)
    tags = cell.tags | {"size": size}
    known = tagged(tags)
    if (
        known
        and params.items() <= known.params.items()
        and known.manifest["seed"] == seed
    ):
        return
    _run(
        "ml-experiment", f"train_{cell.model}.py",
        "--name", f"uhecr test, {size}", "--seed", str(seed),
        "--params", json.dumps(params), "--tags", json.dumps(tags),
    )  # fmt: skip


def settings(cell, size):
    """Return seed and parameters of a cell's run."""
    model = next(model for model in MODELS if model.key == cell.model)
    document = config(model, size)
    best = group(document["name"]).best
    drawn = best.drawn if cell.settings == "best" else model.thesis_params
    # The thesis' number of rounds is not cut: one run is no search.
    whole = cell.settings == "thesis" and size != "small"
    fixed = {
        name: value
        for name, value in document["params"].items()
        if not (whole and name == "rounds_divisor")
    }
    params = fixed | drawn | {"split": cell.split, "test": True}
    return best.seed, params | ({"scaler": cell.scaler} if cell.scaler else {})


def _run(*command):
    print("$", " ".join(command), flush=True)
    environment = os.environ | {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")
    }
    environment["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    subprocess.run(command, check=True, env=environment)


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument(
        "--only", nargs="+", default=[model.key for model in MODELS], metavar="MODEL"
    )
    parser.add_argument("--at_once", type=int, default=2, help="runs at the same time")
    return parser.parse_args()


if __name__ == "__main__":
    main()

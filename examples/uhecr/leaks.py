"""Take two effects apart that raise an accuracy without any knowledge of showers.

    python leaks.py --size full      # a quarter of an hour on one core; results/leaks.md
    python leaks.py --size small     # less than a minute, on few rows

Everything is simulated on the spot with seed 1234; the test rows are a fifth. What is
printed and written is the same at every run.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import leak_scaler
import leak_split
from intervals import bootstrap_over_showers, wilson
from leak_page import page


SEED = 1234
COLUMNS = (
    "table",
    "case",
    "split",
    "scaler",
    "showers_per_primary",
    "test_rows",
    "test_showers",
    "accuracy",
    "wilson_low",
    "wilson_high",
    "bootstrap_low",
    "bootstrap_high",
)


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        name: Of the option.
        rows: Stations of each primary.
        numbers: Of showers of each primary; ``None``: one station of each.
        rounds: Of boosting.
        milestones: Numbers of rounds to look at.
        showers: Of each primary, where their number is not what is asked about.
        epochs: Of the autoencoders: few, and many.
        data_seeds: Of the sets that the autoencoders see.
    """

    name: str
    rows: int
    numbers: tuple
    rounds: int
    milestones: tuple
    showers: int
    epochs: tuple
    data_seeds: tuple


SIZES = {
    "small": Size("small", 1000, (10, 50, None), 40, (10, 80), 50, (5, 10), (1234,)),
    "full": Size(
        "full",
        20_022,
        (100, 250, 500, 1000, 2500, 5000, None),
        500,
        (25, 100, 500, 2000),
        1000,
        (60, 200),
        (1234, 1, 2, 3, 4),
    ),
}


def measure(size):
    """Return a row for everything that was tried."""
    few, many = size.epochs
    plans = [
        ("random", few, SEED, False),
        *(("by shower", few, each, False) for each in size.data_seeds),
        *(("by shower", many, each, False) for each in size.data_seeds),
        *(("random", few, each, True) for each in size.data_seeds),
    ]
    tables = {
        "showers": leak_split.by_number_of_showers(
            size.numbers, size.rows, size.rounds, SEED
        ),
        "rounds": leak_split.by_number_of_rounds(
            size.showers, size.rows, size.milestones, SEED
        ),
        "controls": leak_split.controls(size.showers, size.rows, size.rounds, SEED),
        "autoencoders": leak_scaler.of_autoencoders(
            size.showers, size.rows, plans, SEED
        ),
        "trees": leak_scaler.of_a_tree(size.showers, size.rows, SEED),
    }
    measured = []
    for table, tried in tables.items():
        for about, test, right in tried:
            measured.append(_row(table, about, test, right))
            print(_line(measured[-1]), flush=True)
    return measured


def _row(table, about, test, right):
    """Return the accuracy of test stations, with both intervals."""
    low, high = wilson(int(right.sum()), len(right))
    from_showers, to_showers = bootstrap_over_showers(right, test.shower)
    return {
        "table": table,
        "case": about["case"],
        "split": about["split"],
        "scaler": about.get("scaler", ""),
        "showers_per_primary": about.get("showers", ""),
        "test_rows": len(right),
        "test_showers": len(np.unique(test.shower)),
        "accuracy": float(right.mean()),
        "wilson_low": low,
        "wilson_high": high,
        "bootstrap_low": from_showers,
        "bootstrap_high": to_showers,
    }


def _line(row):
    about = " | ".join(
        str(row[name])
        for name in ("table", "showers_per_primary", "case", "split", "scaler")
        if row[name] != ""
    )
    return f"{row['accuracy']:.3f}  {about}"


def write(folder, measured, text):
    """Write ``leaks.csv`` and ``leaks.md``."""
    folder.mkdir(exist_ok=True)
    with (folder / "leaks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in measured:
            writer.writerow(
                {
                    name: f"{value:.5f}" if isinstance(value, float) else value
                    for name, value in row.items()
                }
            )
    (folder / "leaks.md").write_text(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--out", type=Path, help="folder; default: results[-small]")
    options = parser.parse_args()
    here = Path(__file__).resolve().parent
    default = "results" if options.size == "full" else f"results-{options.size}"
    measured = measure(SIZES[options.size])
    write(options.out or here / default, measured, page(measured, SIZES[options.size]))


if __name__ == "__main__":
    main()

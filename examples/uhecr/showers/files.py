"""Files as the thesis had them: one for each primary and subset, and a row a station.

A header line is added, and identifiers are kept: a split that keeps the stations of one shower
together needs them. What no experiment would know is in a folder of its own.
"""

from showers.columns import FEATURES, IDENTIFIERS, PRIMARIES, TRUTH
from showers.generate import generate


# Rows of the thesis' files, its table 7.2: training and test.
ROWS = {
    "helium": (16007, 4001),
    "iron": (16019, 4004),
    "oxygen": (16021, 4005),
    "proton": (16026, 4006),
}
SUBSETS = ("train", "test")
SIZES = {"full": 1, "small": 10}  # rows and showers are divided by it

ROW = "%d,%d,%d,%.6f,%.5f,%.2f,%.4f,%d,%.5f,%.2f,%.2f,%.4f"
TRUTH_ROW = "%d,%d,%d,%.3f,%.5f,%.4f,%.4f,%.3f,%.2f"


def write(folder, *, showers, seed, model="qgsjet", size="full"):
    """Write all files.

    Training and test files have different showers, a fifth of them for the test.

    Args:
        folder: Is made if it is not there.
        showers: Of each primary.
        seed: The same seed gives the same bytes.
        model: "qgsjet" or "epos".
        size: "full" has the thesis' number of rows, "small" a tenth of rows and showers.
    """
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    fewer = SIZES[size]
    for_test = max(showers // fewer // 5, 1)
    of_subset = (max(showers // fewer - for_test, 1), for_test)
    for label, primary in enumerate(PRIMARIES):
        first = label * 1_000_000
        for number, subset in enumerate(SUBSETS):
            rows = ROWS[primary][number] // fewer
            count = of_subset[number]
            sample = generate(primary, rows, count, [seed, number], model=model)
            _write_subset(folder, f"{primary}-{subset}.csv", primary, sample, first)
            first += count


def _write_subset(folder, name, primary, sample, first):
    """Write one file and its truth; numbers of showers begin with ``first``."""
    shower = first + sample.shower
    identifiers = shower, shower * 1000 + sample.throw, sample.station
    header = ",".join([*IDENTIFIERS, *FEATURES, "primary"])
    _write_rows(
        folder / name, header, f"{ROW},{primary}\n", identifiers, sample.features
    )
    header = ",".join([*IDENTIFIERS, *TRUTH])
    _write_rows(
        folder / "truth" / name, header, f"{TRUTH_ROW}\n", identifiers, sample.truth
    )


def _write_rows(path, header, row, identifiers, values):
    columns = [each.tolist() for each in (*identifiers, *values.T)]
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(header + "\n")
        file.writelines(row % line for line in zip(*columns, strict=True))

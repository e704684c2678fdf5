"""The page about both leaks, made of measured rows."""

from leak_scaler import COMMON, EACH, OWN
from leak_split import BOOSTING


PAGE = """\
# Two ways to a high accuracy without knowing any physics

Simulated data of our own, not the thesis' data: what counts is the difference between columns, not
what the numbers would be elsewhere. Guessing gives 0.25. Made by
`python leaks.py --size {size}`, which gives the same numbers again with the versions of
`requirements.txt`; all of them are in [leaks.csv](leaks.csv).

An accuracy is followed by its 99 % interval for which whole showers were drawn again and again. Where
it says Wilson, rows were taken for independent, as the thesis did.

Boosting has the thesis' best settings (learning rate {learning_rate}, depth {max_depth},
min_child_weight {min_child_weight}, subsample {subsample}), with histograms, and was cut to fewer rounds than the
thesis' 4,500: each table says to how many. The test rows are a fifth.

## Stations of one shower on both sides of the split

The same number of stations, {stations} in all, from fewer or more showers. {rounds} rounds.

{showers}

Two features are the same for all stations of a shower: its energy and its zenith angle. Without
them the random split has nothing to remember a shower by (last column).

### More rounds, more memory

{milestone_showers} showers of each primary.

{milestones}

### What should show the effect alone, or not at all

{milestone_showers} showers of each primary, {rounds} rounds.

{controls}

- With labels that are drawn for each shower there is nothing to learn. What the random split shows
  then is memory, all of it.
- If all primaries have showers of the same energies and angles, these say nothing about the primary,
  and the effect is gone. Which kind the thesis' data were, nobody outside can tell.
- A linear model cannot remember showers. So this does not explain the thesis' support vector machine.

This *would* explain the thesis' 0.885 if a shower of its data had some fifteen or twenty stations. It
is not shown that it had.

## Rows that are scaled with the scaler of their own class

One autoencoder for each primary, in plain NumPy with the settings of the thesis' best (9-10-9, SELU, tied
weights, dropout of 0.031, Adam with 0.001, batches of 128); the smallest error names the
primary. {milestone_showers} showers of each.

{autoencoders}

The first column of numbers is the original's way: a row to be classified is scaled with the smallest and largest
values of the class that it truly belongs to. Against one common scaler that gives {gain_physics}, and
{gain_nothing} where labels were drawn and there is nothing to find. How much depends on accidents of
the extreme values: one outlier sets the range of a class. The second has one scaler for all, fitted on the training rows. In the third each
candidate's scaler is tried on each row, and errors are compared in common units: the honest form of a scaler
for each class.

### How much of the answer is in the question

A decision tree on rows that are scaled so, split by shower:

{trees}

The trace length is a whole number of bins. Scaled, the steps between its values have a width that
differs from class to class: a tree reads it off. Labels that were drawn for each row are found as well.
"""


def page(rows, size):
    """Return the page.

    Args:
        rows: As ``leaks.measure`` returns them.
        size: Their name.
    """
    of = {name: [r for r in rows if r["table"] == name] for name in _names(rows)}
    return PAGE.format(
        **BOOSTING,
        size=size.name,
        stations=f"{4 * size.rows:,}",
        rounds=size.rounds,
        milestone_showers=f"{size.showers:,}",
        showers=_showers(of["showers"], size),
        milestones=_by_split(of["rounds"]),
        controls=_by_split(of["controls"]),
        autoencoders=_autoencoders(of["autoencoders"]),
        gain_physics=_gains(of["autoencoders"], shuffled=False),
        gain_nothing=_gains(of["autoencoders"], shuffled=True),
        trees=_trees(of["trees"]),
    )


def _names(rows):
    return dict.fromkeys(row["table"] for row in rows)


def _table(head, lines):
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def _cell(row):
    """Return an accuracy with the interval for which showers were drawn."""
    if row is None:
        return ""
    return f"{row['accuracy']:.3f} ({row['bootstrap_low']:.3f} to {row['bootstrap_high']:.3f})"


def _wilson(row):
    return f"{row['wilson_low']:.3f} to {row['wilson_high']:.3f}" if row else ""


def _only(rows, **wanted):
    """Return the row that has these values, or ``None``."""
    found = [row for row in rows if wanted.items() <= row.items()]
    return found[0] if found else None


def _showers(rows, size):
    head = (
        "showers of each primary",
        "stations a shower",
        "random split",
        "split by shower",
        "Wilson, by shower",
        "gain",
        "random, without energy and zenith",
    )
    lines = []
    for number in dict.fromkeys(row["showers_per_primary"] for row in rows):
        own = [row for row in rows if row["showers_per_primary"] == number]
        mixed = _only(own, case="all features", split="random")
        whole = _only(own, case="all features", split="by shower")
        bare = _only(own, case="without energy and zenith")
        gain = f"{mixed['accuracy'] - whole['accuracy']:.2f}" if whole else "0"
        each = f"{size.rows / number:.0f}"
        by_shower = _cell(whole) or "the same thing"
        lines.append(
            (f"{number:,}", each, _cell(mixed), by_shower, _wilson(whole), gain, _cell(bare))
        )  # fmt: skip
    return _table(head, lines)


def _by_split(rows):
    lines = [
        (
            case,
            _cell(_only(rows, case=case, split="random")),
            _cell(_only(rows, case=case, split="by shower")),
        )
        for case in dict.fromkeys(row["case"] for row in rows)
    ]
    return _table(("", "random split", "split by shower"), lines)


def _autoencoders(rows):
    head = (
        "",
        "split",
        "own class' scaler (leaky)",
        "one common scaler",
        "every scaler tried",
    )
    lines = [
        (case, split, *(
            _cell(_only(rows, case=case, split=split, scaler=scaler))
            for scaler in (OWN, COMMON, EACH)
        ))
        for case, split in dict.fromkeys((row["case"], row["split"]) for row in rows)
    ]  # fmt: skip
    return _table(head, lines)


def _gains(rows, *, shuffled):
    """Return the smallest and the largest gain of the leaky scaler."""
    own = [r for r in rows if ("shuffled" in r["case"]) == shuffled]
    gains = [
        row["accuracy"] - common["accuracy"]
        for row in own
        if row["scaler"] == OWN
        for common in own
        if common["scaler"] == COMMON
        and (common["case"], common["split"]) == (row["case"], row["split"])
    ]
    return f"{min(gains):.2f} to {max(gains):.2f} more"


def _trees(rows):
    scalers = list(dict.fromkeys(row["scaler"] for row in rows))
    lines = [
        (case, *(_cell(_only(rows, case=case, scaler=scaler)) for scaler in scalers))
        for case in dict.fromkeys(row["case"] for row in rows)
    ]
    return _table(("", *scalers), lines)

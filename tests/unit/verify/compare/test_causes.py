"""The likeliest cause, where one change brings others along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.verify.compare import Cause, Verdict, compare_runs


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.record.directory import RunDirectory

    Make = Callable[..., RunDirectory]

OTHER = [("loss", 0, 0.75)]  # another result


def _first(old: RunDirectory, new: RunDirectory, **options: Any) -> Cause:
    found = compare_runs(old, new, **options)
    assert found.verdict is Verdict.DIFFERENT
    assert [cause.rank for cause in found.causes] == list(
        range(1, len(found.causes) + 1)
    )
    return found.causes[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 8, "end_states": {"numpy": "bb"}}, "the seed was 7 and is 8"),
        ({"code": {"train.py": "import lib\nx = 2\n"}}, "train.py has changed"),
        ({"data": {"data.csv": "2"}}, "the data file data.csv has changed"),
        ({"data": {"data.csv": "1", "b.csv": "2"}}, "b.csv: read by the second"),
        ({"data": {}}, "data.csv: read by the first"),
        ({"argv": ("--depth", "4")}, 'arguments were [] and are ["--depth", "4"]'),
        (
            {"code": {"train.py": "import lib\n", "plug.py": "x = 2\n"}},
            "plug.py is new; it was not seen being read",
        ),
        ({"packages": {"lib": "2.0", "other": "1.0"}}, "lib was 1.0 and is 2.0"),
        ({"threads": 4}, "OMP_NUM_THREADS was 2 and is 4"),
        ({"hash_seed": "1"}, "PYTHONHASHSEED was"),
        ({"python": "3.12.1"}, "Python was 3.11.7 and is 3.12.1"),
        ({"python": "3.11.8"}, "Python was 3.11.7 and is 3.11.8"),
        ({"blas": "SkylakeX"}, "Haswell and is"),
        ({"cpu": "another"}, "CPU was one and is another"),
        ({"environment": {"TF_ENABLE_ONEDNN_OPTS": "0"}}, "TF_ENABLE_ONEDNN_OPTS was"),
        (
            {"config": {"params": {"n": 20}}, "params": {"n": 20}},
            "parameter n was 10 and is 20",
        ),
        ({"user_seeds": (("numpy.random.seed", 3),)}, "seeded with other values"),
        ({"end_states": {"numpy": "bb"}}, "the random numbers of numpy parted"),
    ],
)
def test_what_alone_has_changed_is_the_first_cause(
    make: Make, changes: dict[str, Any], words: str
) -> None:
    """Each thing that a run depends on, one at a time."""
    assert words in _first(make(), make(metrics=OTHER, **changes)).sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {
                "code": {"train.py": "import lib\nseed = 2\n"},
                "user_seeds": (("RandomState", 2),),
                "splits": ("b",),
                "end_states": {"numpy": "bb"},
            },
            "train.py has changed",
            id="a seed in the code",
        ),
        pytest.param(
            {"code": {"train.py": "import lib\nn = 20\n"}, "params": {"n": 20}},
            "train.py has changed",
            id="a default in the code",
        ),
        pytest.param(
            {"seed": 8, "user_seeds": (("RandomState", 99),), "splits": ("b",)},
            "the seed was",
            id="a seed drawn from the seed",
        ),
        pytest.param(
            {
                "packages": {"lib": "2.0", "other": "1.0"},
                "blas": "SkylakeX",
                "data": {"data.csv": "2"},
                "data_package": "lib",
            },
            "lib was 1.0",
            id="a package that brings its BLAS and its data",
        ),
        pytest.param(
            {"packages": {"lib": "2.0", "other": "2.0"}},
            "lib was 1.0",
            id="a package that was imported, and one that was not",
        ),
        pytest.param(
            {"python": "3.12.1", "packages": {"lib": "2.0", "other": "1.0"}},
            "Python was",
            id="a Python with its packages",
        ),
        pytest.param(
            {"cpu": "another", "blas": "SkylakeX", "threads": 8},
            "OMP_NUM_THREADS was",
            id="another machine",
        ),
    ],
)
def test_what_follows_from_a_change_ranks_below_it(
    make: Make, changes: dict[str, Any], words: str
) -> None:
    """One change shows in many places."""
    old = make(
        user_seeds=(("RandomState", 1),),
        splits=("a",),
        **{key: changes[key] for key in ("data_package",) if key in changes},
    )
    new = {"user_seeds": (("RandomState", 1),), "splits": ("a",)} | changes

    assert words in _first(old, make(metrics=OTHER, **new)).sentence


def test_comments_do_not_explain_anything(make: Make) -> None:
    """A package that moved does, when only comments were edited."""
    code = {"train.py": "import lib  # the library\n"}
    packages = {"lib": "2.0", "other": "1.0"}

    found = _first(make(), make(metrics=OTHER, code=code, packages=packages))

    assert "lib was 1.0" in found.sentence


def test_code_that_no_run_imported_does_not_explain_anything(make: Make) -> None:
    """Another script of the project was edited meanwhile."""
    code = {"train.py": "import lib\n", "other.py": "x = 1\n"}

    found = _first(make(), make(metrics=OTHER, code=code, threads=4))

    assert "OMP_NUM_THREADS" in found.sentence


def test_file_that_one_run_left_out_is_no_change(make: Make) -> None:
    """Under version control all files are source; restored from a record, code is."""
    script = {"train.py": "import lib\n"}

    found = compare_runs(
        make(code=script | {"notes.csv": "1"}),
        make(code=script, left_out=("notes.csv",)),
    )

    (code,) = (row for row in found.rows if row.name == "code")
    assert code.summary == "the script and what it imports, 1 file"


def test_data_beside_the_code_are_told_of_as_data(make: Make) -> None:
    """A file under version control that is restored as data is no change of the code."""
    script = {"train.py": "import lib\n"}

    found = compare_runs(make(code=script | {"data.csv": "1"}), make(code=script))

    (code,) = (row for row in found.rows if row.name == "code")
    assert code.summary == "the script and what it imports, 1 file"
    assert not code.details


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("entropy of the operating system (uuid.uuid4)", "import lib\n", "uuid.uuid4"),
        ("the order of sets: PYTHONHASHSEED was not set", "x = set('ab')\n", "sets"),
    ],
)
def test_what_escaped_is_named_if_nothing_changed(
    make: Make, what: str, code: str, words: str
) -> None:
    """With the place in the user's code."""
    told = {"uncontrolled": (what,), "code": {"train.py": code}, "hash_seed": None}

    found = _first(make(**told), make(metrics=OTHER, **told))

    assert words in found.sentence
    assert "train.py:4" in found.sentence


def test_what_escaped_ranks_below_what_changed(make: Make) -> None:
    """A name drawn by `uuid4` is in many scripts, and harmless."""
    told = {"uncontrolled": ("entropy of the operating system (uuid.uuid4)",)}

    found = _first(make(**told), make(metrics=OTHER, threads=4, **told))

    assert "OMP_NUM_THREADS" in found.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": {"train.py": "import lib\nx = 2\n"}}, "train.py has changed"),
        ({"config": {"params": {"n": 20}}, "params": {"n": 20}}, "parameter n was"),
        ({"data": {"data.csv": "2"}}, "data.csv has changed"),
    ],
)
def test_a_seed_that_nothing_was_drawn_with_ranks_below_what_changed(
    make: Make, changes: dict[str, Any], words: str
) -> None:
    """It is drawn anew for each run; if a generator was used, it comes first."""
    one, other = ({"seed": seed, "seed_drawn": True} for seed in (7, 8))
    unused = {"untouched": ("numpy",)}

    causes = [
        _first(make(**one, **told), make(metrics=OTHER, **other, **told, **changes))
        for told in (unused, {})
    ]

    assert words in causes[0].sentence
    assert "the seed was 7 and is 8" in causes[1].sentence


def test_a_run_that_failed_has_read_less(make: Make) -> None:
    """What it did not come to read is no cause of that."""
    new = make(
        metrics=[], status="FAILED", reason="no lib", data={}, packages={"other": "1.0"}
    )

    assert "data.csv" not in _first(make(), new).sentence


def test_a_run_that_failed_before_its_function_has_not_lost_its_parameters(
    make: Make,
) -> None:
    """Its script could not be imported, as a package is gone."""
    new = make(metrics=[], status="FAILED", started=False, packages={"other": "1.0"})

    found = compare_runs(make(), new)

    assert "lib" in found.causes[0].sentence
    assert not any("parameter" in cause.sentence for cause in found.causes)


def test_text_for_people_is_no_cause(make: Make) -> None:
    """Nothing reads it."""
    script = {"train.py": "import lib\n", "docs/README.md": "1"}

    found = _first(
        make(code=script), make(metrics=OTHER, code=script | {"docs/README.md": "2"})
    )

    assert "nothing that is recorded has changed" in found.sentence


def test_nothing_that_changed_is_said_too(make: Make) -> None:
    """Then something is not controlled, and where to look is said."""
    found = _first(make(), make(metrics=OTHER))

    assert "nothing that is recorded has changed" in found.sentence
    assert "ml-experiment check" in found.hint


def test_what_the_caller_found_comes_first(make: Make) -> None:
    """It has looked before anything ran."""
    told = Cause(aspect="data_set", sentence="data gone", weight=100.0)

    assert _first(make(), make(metrics=OTHER, seed=8), findings=[told]).sentence == (
        "data gone"
    )


def test_files_of_one_name_are_told_apart(make: Make) -> None:
    """Of two folders outside of the project."""
    old = make(data={"a/x.csv": "1", "b/x.csv": "1"})
    new = make(data={"a/x.csv": "2", "b/x.csv": "1"}, metrics=OTHER)

    assert "a/x.csv" in _first(old, new).sentence


_PYTHON = "another program (python3), which does not inherit the run's seed"
_TOOLS = tuple({"train.py": "import lib\n", "tool.py": f"print({n})\n"} for n in (4, 5))


@pytest.mark.parametrize(
    "what", [_PYTHON, "entropy of the operating system (uuid.uuid4)"]
)
def test_changed_file_comes_before_what_escaped_in_both_runs(
    make: Make, what: str
) -> None:
    """Another program may have read it, which is started in both."""
    told = {"uncontrolled": (what,)}

    found = compare_runs(
        make(code=_TOOLS[0], **told), make(code=_TOOLS[1], metrics=OTHER, **told)
    )

    first, second = (cause.sentence for cause in found.causes)
    assert first == "tool.py has changed; it was not seen being read"
    assert what in second


def test_what_escaped_in_one_run_comes_before_a_file_that_was_not_seen(
    make: Make,
) -> None:
    """It is what is new."""
    new = make(code=_TOOLS[1], metrics=OTHER, uncontrolled=(_PYTHON,))

    assert "python3" in _first(make(code=_TOOLS[0]), new).sentence


def test_comment_in_a_file_that_was_not_seen_explains_nothing(make: Make) -> None:
    """Nor does a file that came meanwhile: results do."""
    told = {"uncontrolled": (_PYTHON,)}
    code = {"train.py": "import lib\n", "tool.py": "print(4)  # four\n", "a.txt": "1"}

    found = _first(make(code=_TOOLS[0], **told), make(code=code, metrics=OTHER, **told))

    assert "python3" in found.sentence


def test_interpreters_come_before_programs_that_draw_nothing(make: Make) -> None:
    """In whichever order they were started."""
    names = ("wc", "git", "lscpu", "solver", "Rscript")
    told = {"uncontrolled": tuple(_PYTHON.replace("python3", name) for name in names)}

    found = compare_runs(make(**told), make(metrics=OTHER, **told))

    shown = [cause.sentence for cause in found.causes]
    assert "Rscript" in shown[0]
    assert "solver" in shown[1]
    assert len(shown) == len(names)


@pytest.mark.parametrize(("first", "words"), [(True, "first"), (False, "second")])
def test_file_that_lay_beside_one_run_only_is_named(
    make: Make, first: bool, words: str
) -> None:
    """A script may ask whether it is there, and its content is not recorded."""
    both: tuple[str, ...] = ("old.bin",)
    one, other = (("flag", *both), both) if first else (both, ("flag", *both))

    found = _first(make(left_out=one), make(metrics=OTHER, left_out=other))

    assert found.sentence == (
        f"flag: beside the code of the {words} run only; it was not seen being read"
    )


def test_what_a_run_gave_is_not_taken_for_its_cause(make: Make) -> None:
    """The first run has left it beside the code of the second."""
    told = {"artifacts": {"out.bin": b"1"}}

    found = _first(make(**told), make(metrics=OTHER, left_out=("out.bin",), **told))

    assert "nothing that is recorded has changed" in found.sentence


@pytest.mark.parametrize(
    ("more", "words"),
    [("", "parameter depth was 3 and is 4"), ("x = 1\n", "train.py has changed")],
)
def test_default_is_named_if_it_is_all_that_was_edited(
    make: Make, more: str, words: str
) -> None:
    """It says more than that its file has changed, unless something else has."""
    script = "def main(depth={}, *, rate=0.1): ...\n"

    found = compare_runs(
        make(code={"train.py": script.format(3)}, params={"depth": 3, "rate": 0.1}),
        make(
            code={"train.py": script.format(4) + more},
            params={"depth": 4, "rate": 0.1},
            metrics=OTHER,
        ),
    )

    assert found.causes[0].sentence == words
    assert len(found.causes) == 2

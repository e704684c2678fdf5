"""One seed, one result; the user's seeds win; what was seen is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controller
else:
    Controller = Any

DRAWS = {
    "random": "import random\ndef draw(): return random.random()",
    "random-instance": "import random\ndef draw(): return random.Random().random()",
    "random-early-name": "from random import random\ndef draw(): return random()",
    "random-none-seed": "import random\ndef draw():\n random.seed(); return random.random()",
    "random-subclass": (
        "import random\nclass Mine(random.Random): pass\n"
        "def draw(): return Mine().random()"
    ),
    "numpy-global": "import numpy as np\ndef draw(): return np.random.rand()",
    "numpy-default-rng": (
        "from numpy.random import default_rng\ndef draw(): return default_rng().random()"
    ),
    "numpy-random-state": (
        "from numpy.random import RandomState\ndef draw(): return RandomState().rand()"
    ),
    "numpy-bit-generator": (
        "from numpy.random import Generator, SFC64\n"
        "def draw(): return Generator(SFC64()).random()"
    ),
    "numpy-seed-sequence": (
        "import numpy as np\n"
        "def draw(): return int(np.random.SeedSequence().generate_state(1)[0])"
    ),
    "numpy-none-seed": (
        "import numpy as np\ndef draw():\n np.random.seed(None); return np.random.rand()"
    ),
    "numpy-spawned": (
        "import numpy as np\n"
        "def draw(): return [g.random() for g in np.random.default_rng().spawn(2)]"
    ),
    "scipy": "from scipy import stats\ndef draw(): return float(stats.norm.rvs())",
    "forest": (
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "X = np.arange(90.0).reshape(30, 3) % 7; y = np.arange(30) % 2\n"
        "def draw(): return RandomForestClassifier(4).fit(X, y)"
        ".predict_proba(X)[:, 0].tolist()"
    ),
    "forest-in-processes": (
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "from sklearn.model_selection import cross_val_predict\n"
        "X = np.arange(90.0).reshape(30, 3) % 7; y = np.arange(30) % 2\n"
        "def draw(): return cross_val_predict(RandomForestClassifier(3), X, y, cv=6,"
        " n_jobs=2, method='predict_proba')[:, 0].tolist()"
    ),
    "class-order": (
        "import random\nclass A: pass\n"
        "def draw(): return sorted(['a', 'b', 'c'], key=lambda _: random.random())"
        " + [random.random()]"
    ),
}
MAIN = "\ndef main(): out(draws=[draw(), draw()])\n"


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_an_unseeded_script_repeats_with_its_seed_and_only_with_it(
    controlled: Controller, draw: str
) -> None:
    """Both directions: the same seed gives the same numbers, another seed others."""
    first = controlled(draw + MAIN, seed=5)
    second = controlled(draw + MAIN, seed=5)
    other = controlled(draw + MAIN, seed=6)

    assert first.results == second.results
    assert first.part["end_states"] == second.part["end_states"]
    assert first.part["generators"] == second.part["generators"]
    assert first.results != other.results
    assert first.seeds() == []


def test_two_unseeded_generators_differ(controlled: Controller) -> None:
    """Generators made one after the other do not repeat each other."""
    script = (
        "import numpy as np, random\n"
        "def main():\n"
        "    out(numpy=[np.random.default_rng().random() for _ in range(50)],\n"
        "        python=[random.Random().random() for _ in range(50)])\n"
    )

    result = controlled(script).results[0]

    assert len(set(result["numpy"])) == 50
    assert len(set(result["python"])) == 50


def test_what_one_module_makes_does_not_shift_what_another_gets(
    controlled: Controller, tmp_path: Any
) -> None:
    """A library that makes generators in the first run only changes nothing else."""
    (tmp_path / "library.py").write_text(
        "import numpy as np\nimport random\n"
        "def work(n): return [(np.random.default_rng(), random.Random()) for _ in range(n)]"
    )
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "import library, os, numpy as np, random\n"
        "def main():\n"
        "    library.work(int(os.environ['N']))\n"
        "    out(a=np.random.default_rng().random(), b=random.Random().random())\n"
    )

    assert controlled(script, N="0").results == controlled(script, N="7").results


def test_a_run_does_not_depend_on_runs_before_it(controlled: Controller) -> None:
    """The second run of a process equals the same run alone."""
    script = (
        "import random, numpy as np\n"
        "def main():\n"
        "    out(a=random.random(), b=np.random.rand(), c=np.random.default_rng().random())"
    )

    both = controlled(script, runs=[3, 4]).results
    alone = controlled(script, runs=[4]).results

    assert both[1] == alone[0]
    assert both[0] != both[1]


SEEDINGS = {
    "random.seed": ("random.seed(11)", "random.random()", 11),
    "numpy.random.seed": ("np.random.seed(12)", "np.random.rand()", 12),
    "early numpy seed": ("seed(13)", "np.random.rand()", 13),
    "early random seed": ("pyseed('a word')", "random.random()", "a word"),
    "numpy seed array": ("np.random.seed([1, 2])", "np.random.rand()", [1, 2]),
}
HEAD = (
    "import random\nimport numpy as np\n"
    "from numpy.random import seed\nfrom random import seed as pyseed\n"
)


@pytest.mark.parametrize(("call", "draw", "value"), SEEDINGS.values(), ids=SEEDINGS)
@pytest.mark.parametrize("place", ["module", "main"])
def test_the_users_seed_wins_and_is_recorded(
    controlled: Controller, call: str, draw: str, value: object, place: str
) -> None:
    """A seed of the user's gives the numbers that it gives without us, whatever ours is."""
    inside = place == "main"
    body = f"    {call}\n" if inside else ""
    script = f"{HEAD}{'' if inside else call}\ndef main():\n{body}    out(x={draw})\n"
    expected: dict[str, Any] = {}
    exec(f"{HEAD}{call}\nx = {draw}", expected)

    first, second = controlled(script, seed=1), controlled(script, seed=2)

    assert first.results == second.results == [{"x": expected["x"]}]
    assert [seed[1] for seed in first.seeds()] == [value]
    line = next(e["where"] for e in first.events)
    assert line == f"train.py:{7 if inside else 5}"


def test_state_after_module_level_draws_is_kept(controlled: Controller) -> None:
    """What the script draws between its seeding and its main counts."""
    script = "import numpy as np\nnp.random.seed(3)\nnp.random.rand(5)\ndef main():\n"
    script += "    out(x=np.random.rand())\n"
    import numpy as np

    expected = np.random.RandomState(3).rand(6)[5]

    result = controlled(script)

    assert result.results == [{"x": expected}]
    assert result.part["libraries"]["numpy"] == "user"


def test_each_run_starts_from_the_users_state(controlled: Controller) -> None:
    """A generator that the script seeded is in the same state at the start of each run."""
    script = (
        "import random\nrandom.seed(3)\n"
        "def main():\n    out(x=[random.random() for _ in range(3)])\n"
    )

    first, second = controlled(script, runs=[1, 2]).results

    assert first == second


def test_a_seed_set_inside_a_run_is_none_of_the_next_runs(
    controlled: Controller,
) -> None:
    """The second run is seeded by us again, though the first seeded itself."""
    script = (
        "import random\nrounds = []\n"
        "def main():\n"
        "    out(x=random.random())\n"
        "    random.seed(9)\n"
    )

    first, second = controlled(script, runs=[1, 2]).results

    assert first != second
    assert second == controlled(script, runs=[2]).results[0]


def test_seeds_of_both_kinds_of_runs_are_recorded_with_the_right_run(
    controlled: Controller,
) -> None:
    """Module-level seeds belong to all runs; a run's own seeds to it alone."""
    script = (
        "import random\nrandom.seed(1)\nn = [0]\n"
        "def main():\n    n[0] += 1; random.seed(100 + n[0])\n"
    )

    parts = controlled(script, runs=[1, 2]).parts

    values = [[seed["value"] for seed in part["seeds_seen"]] for part in parts]
    assert values == [[1, 101], [1, 102]]


def test_seeds_handed_to_libraries_are_told_from_those_they_make_up(
    controlled: Controller,
) -> None:
    """A forest's own seed is reported, those of its trees are not."""
    script = (
        "import os; os.environ['OMP_NUM_THREADS'] = '1'  # two, beside others, spin\n"
        "import numpy as np\n"
        "from sklearn.ensemble import HistGradientBoostingClassifier as Boosted\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "from sklearn.model_selection import cross_val_score, KFold, train_test_split\n"
        "X = np.arange(90.0).reshape(30, 3) % 7; y = np.arange(30) % 2\n"
        "def main():\n"
        "    model = make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=41))\n"
        "    cross_val_score(model, X, y, cv=KFold(3, shuffle=True, random_state=42))\n"
        "    train_test_split(X, random_state=np.int64(43))\n"
        "    RandomForestClassifier(30).fit(X, y)\n"
        "    Boosted(max_iter=2).fit(X, y)  # keeps a number that it drew, as a seed\n"
        "    Boosted(max_iter=2, random_state=44).fit(X, y)\n"
    )

    result = controlled(script)

    assert sorted(str(value) for _, value in result.seeds()) == [
        *("41", "42", "43", "44")
    ]
    assert result.part["seeds_of_libraries"] > 0
    assert {event["via"] for event in result.events if event["event"] == "seeded"} == {
        "sklearn.utils.validation"
    }


def test_the_same_seed_at_the_same_place_is_counted(controlled: Controller) -> None:
    """A loop that sets one seed a thousand times fills neither journal nor record."""
    script = (
        "import numpy as np\ndef main():\n    for _ in range(1000): np.random.seed(5)\n"
    )

    result = controlled(script)

    assert result.seeds() == [("numpy.random.seed", 5)]
    assert [seed["count"] for seed in result.part["seeds_seen"]] == [1000]


def test_the_number_of_recorded_seeds_is_bounded(controlled: Controller) -> None:
    """A loop over five thousand seeds is recorded up to the limit, and says so."""
    script = (
        "import numpy as np\ndef main():\n    for i in range(5000): np.random.seed(i)\n"
    )

    result = controlled(script)

    assert len(result.seeds()) == 1000
    assert result.part["seeds_unlisted"] == 4000


def test_every_way_to_seed_numpy_is_named(controlled: Controller) -> None:
    """The record names what the user's code called."""
    calls = {
        "np.random.default_rng(1)": ("numpy.random.default_rng", 1),
        "np.random.RandomState(2)": ("numpy.random.RandomState", 2),
        "np.random.Generator(np.random.PCG64(3))": ("numpy.random.PCG64", 3),
        "np.random.Philox(4)": ("numpy.random.Philox", 4),
        "np.random.SeedSequence([5, 6])": ("numpy.random.SeedSequence", [5, 6]),
        "np.random.SeedSequence(2**90)": ("numpy.random.SeedSequence", 2**90),
        "np.random.default_rng(np.arange(3))": ("numpy.random.default_rng", [0, 1, 2]),
        "np.random.set_bit_generator(np.random.MT19937(8))": (
            "numpy.random.MT19937",
            8,
        ),
    }
    body = "".join(f"    {call}\n" for call in calls)

    result = controlled(f"import numpy as np\ndef main():\n{body}")

    assert [
        seed for seed in result.seeds() if seed[0] != "numpy.random.set_bit_generator"
    ] == [(name, value) for name, value in calls.values()]


@pytest.mark.parametrize(
    "order", ["import numpy", "import numpy.random", "from numpy.random import rand"]
)
def test_numpy_is_hooked_in_whatever_way_it_is_imported(
    controlled: Controller, order: str
) -> None:
    """NumPy imports its random part late or early, and both are watched."""
    script = f"{order}\nimport numpy as np\ndef main(): out(x=np.random.rand())"

    result = controlled(script)

    assert result.results == controlled(script).results
    assert result.part["libraries"] == {"random": "derived", "numpy": "derived"}
    assert result.escapes() == []


def test_a_library_imported_in_main_is_seeded(controlled: Controller) -> None:
    """NumPy imported by the function itself begins with the run's seed as well."""
    script = "def main():\n    import numpy\n    out(x=numpy.random.rand())"

    assert controlled(script, seed=1).results == controlled(script, seed=1).results
    assert controlled(script, seed=1).results != controlled(script, seed=2).results


def test_derived_seeds_are_those_that_the_user_could_set(
    controlled: Controller,
) -> None:
    """The record's derived seed, set by hand, gives the run's numbers."""
    import random

    import numpy as np

    script = "import random, numpy as np\ndef main(): out(a=random.random(), b=np.random.rand())"

    result = controlled(script, seed=77)

    seeds = result.part["derived_seeds"]
    expected = {
        "a": random.Random(seeds["random"]).random(),
        "b": np.random.RandomState(seeds["numpy"]).rand(),
    }
    assert result.results == [expected]


def test_end_states_differ_where_more_was_drawn(controlled: Controller) -> None:
    """One number more is seen in the digests of the end."""
    script = (
        "import os, random, numpy as np\n"
        "def main():\n"
        "    own = np.random.default_rng(1)\n"
        "    for _ in range(int(os.environ['N'])):\n"
        "        random.random(); np.random.rand(); own.random()\n"
    )

    one, two = controlled(script, N="1").part, controlled(script, N="2").part

    assert one["end_states"]["random"] != two["end_states"]["random"]
    assert one["end_states"]["numpy"] != two["end_states"]["numpy"]
    assert one["generators"]["numpy"] != two["generators"]["numpy"]
    assert len(one["generators"]["numpy"]) == 1


@pytest.mark.parametrize(
    ("script", "untouched"),
    [
        ("import random\nimport numpy.random\ndef main(): pass\n", ["numpy", "random"]),
        ("import random\nx = random.random()\ndef main(): pass\n", ["random"]),
        ("import numpy as np\ndef main(): np.random.rand()\n", ["random"]),
        ("import random\nrandom.seed(1)\ndef main(): pass\n", []),
    ],
    ids=["nothing", "on import", "in the run", "the user's"],
)
def test_what_nobody_has_drawn_from_is_recorded(
    controlled: Controller, script: str, untouched: list[str]
) -> None:
    """The seed of such a generator decided nothing."""
    part = controlled(script).part

    assert sorted(set(part["untouched"]) & {"numpy", "random"}) == untouched

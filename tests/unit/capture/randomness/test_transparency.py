"""Under control, everything about the generators is as it is without."""

# ruff: noqa: E501 - scripts, which are indented

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.capture.randomness.conftest import Controller
else:
    Controller = Any

# Each prints what must be the same with and without control.
CHECKS = {
    "streams": """
import random, numpy as np
from numpy.random import (default_rng, RandomState, PCG64, PCG64DXSM, MT19937, Philox, SFC64,
                          SeedSequence, Generator, seed)
for value in (0, 1, 2**32 - 1, [1, 2, 3], np.int64(7), np.array([5])):
    print(RandomState(value).rand(), default_rng(value).random())
    seed(value); print(np.random.rand(), np.random.randn())
for kind in (PCG64, PCG64DXSM, MT19937, Philox, SFC64):
    print(Generator(kind(4)).random(), Generator(kind(SeedSequence(4).spawn(2)[1])).random())
    if hasattr(kind, "jumped"): print(Generator(kind(4).jumped()).random())
print(default_rng(2**100).random(), default_rng(SeedSequence(3, spawn_key=(1,))).random())
print([g.random() for g in default_rng(3).spawn(2)], Generator(Philox(key=9)).random())
for value in (0, -3, 2.5, "text", b"bytes", bytearray(b"x"), 10**30):
    print(random.Random(value).random()); random.seed(value); print(random.gauss(0, 1))
random.seed("a", 1); print(random.random()); random.seed(a=3, version=2); print(random.random())
""",
    "errors": """
import random, numpy as np
for call in (lambda: np.random.seed(-1), lambda: np.random.seed(2**32), lambda: np.random.seed("x"),
             lambda: np.random.RandomState(1.5), lambda: np.random.RandomState([]),
             lambda: np.random.default_rng(-1), lambda: np.random.default_rng("x"),
             lambda: np.random.SeedSequence(1.5), lambda: np.random.PCG64(object),
             lambda: np.random.set_state(3), lambda: random.seed([1]), lambda: random.Random({}),
             lambda: random.seed(1, 2, 3), lambda: random.setstate((9, 9, 9)),
             lambda: np.random.default_rng(1, 2), lambda: np.random.seed(1, 2)):
    try: call()
    except BaseException as error: print(type(error).__name__, error)
    else: print("no error")
""",
    "classes": """
import random, numpy as np, inspect, typing, functools
from numpy.random import RandomState, default_rng, Generator, PCG64, MT19937, BitGenerator
for cls in (RandomState, Generator, PCG64, MT19937, random.Random, random.SystemRandom):
    print(cls, type(cls), cls.__module__, cls.__qualname__, cls.__mro__, isinstance(cls, type))
print(RandomState | None, typing.Optional[random.Random], typing.get_type_hints)
print(isinstance(RandomState(1), RandomState), isinstance(default_rng(1), Generator),
      isinstance(np.random.mtrand._rand, RandomState), isinstance(default_rng(1).bit_generator, PCG64),
      issubclass(PCG64, BitGenerator), isinstance(RandomState()._bit_generator, MT19937))
print(str(RandomState(1)), str(default_rng(1)), type(default_rng().bit_generator))
print(inspect.signature(random.Random.seed), inspect.signature(random.Random.setstate))
print(inspect.signature(random.seed), random.seed.__doc__ == random.Random.seed.__doc__)
print(default_rng, default_rng.__doc__[:40], np.random.seed.__name__, np.random.seed.__module__)
print(random.seed.__self__ is random._inst, random.seed.__name__, random.Random.seed.__qualname__)
class Mine(RandomState):
    def rand2(self): return self.rand() + 2
print(Mine(3).rand2(), isinstance(Mine(3), RandomState))
class Own(random.Random):
    def seed(self, a=None, version=2): super().seed(5)
    def random(self): return 0.25
print(Own(1).random(), Own().uniform(0, 4), Own().getrandbits(4))
@functools.singledispatch
def kind(x): return "other"
@kind.register
def _(x: RandomState): return "legacy"
@kind.register
def _(x: Generator): return "new"
print(kind(RandomState()), kind(default_rng()), kind(3))
""",
    "copies": """
import copy, pickle, random, numpy as np
from numpy.random import RandomState, default_rng, Generator, PCG64, SeedSequence
for thing in (RandomState(1), default_rng(1), Generator(np.random.SFC64(1)), random.Random(1)):
    draw = lambda g: g.random()
    for copied in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        print(type(copied), draw(copied))
for thing in (RandomState, default_rng, Generator, PCG64, SeedSequence, random.Random,
              random.random, np.random.rand):
    print(pickle.loads(pickle.dumps(thing)) == thing, copy.deepcopy(thing) == thing)
import os, secrets, uuid
print(pickle.loads(pickle.dumps(os.urandom)) is os.urandom, len(os.urandom(9)), os.urandom.__name__)
print(pickle.loads(pickle.dumps(random.Random.seed)) is random.Random.seed)
print(pickle.loads(pickle.dumps(random.seed)).__name__)
state = np.random.get_state(); np.random.seed(2); a = np.random.rand()
np.random.set_state(state); np.random.seed(2); print(a == np.random.rand())
random.seed(4); state = random.getstate(); a = random.random(); random.setstate(state)
print(a == random.random(), a)
""",
    "scikit-learn": """
import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import (cross_val_score, GridSearchCV, ShuffleSplit, KFold,
                                     train_test_split)
from sklearn.utils import check_random_state, shuffle
X = np.arange(90.0).reshape(30, 3) % 7; y = np.arange(30) % 2
np.random.seed(3)
print(check_random_state(None) is np.random.mtrand._rand, check_random_state(np.random) is np.random.mtrand._rand)
print(check_random_state(5).rand(), check_random_state(np.random.RandomState(5)).rand())
print(shuffle(range(5)), RandomForestClassifier(3).fit(X, y).predict_proba(X)[:, 0].tolist())
model = clone(RandomForestClassifier(3, random_state=np.random.RandomState(1)))
print(cross_val_score(RandomForestClassifier(3, random_state=1), X, y, n_jobs=2), model)
print(GridSearchCV(RandomForestClassifier(random_state=1), {"max_depth": [1, 2]}, n_jobs=2).fit(X, y).best_params_)
print([[part.tolist() for part in fold] for fold in ShuffleSplit(2, random_state=3).split(X)])
a, b = train_test_split(X, test_size=0.2, random_state=1); print(a.tolist(), b.shape)
import inspect; print(inspect.signature(train_test_split), inspect.signature(KFold.split))
import pickle; print(pickle.loads(pickle.dumps(train_test_split)) is train_test_split)
for bad in (lambda: train_test_split(X, test_size=7), lambda: train_test_split(),
            lambda: list(KFold(99).split(X)), lambda: KFold(99).split(X), lambda: train_test_split(X, tset=3)):
    try: print(type(bad()).__name__)
    except Exception as error: print(type(error).__name__, error)
""",
    "scipy": """
import numpy as np
from scipy import stats, optimize
np.random.seed(2)
print(stats.norm.rvs(size=2), stats.norm.rvs(size=2, random_state=3))
print(stats.uniform.rvs(random_state=np.random.default_rng(3)))
print(optimize.differential_evolution(lambda x: (x**2).sum(), [(-1, 1)] * 2, seed=1, maxiter=3).fun)
""",
    "imports": """
import numpy, random, importlib, inspect, pkgutil, sklearn.model_selection as m
for module in (numpy.random, random, m):
    print(type(module.__loader__).__name__, type(module.__spec__.loader).__name__, module.__spec__.name)
print(inspect.getsourcefile(m.KFold)[-9:], len(inspect.getsource(m.KFold.split)) > 0)
print(importlib.util.find_spec("joblib").name, importlib.util.find_spec("no_such_module"))
try: import no_such_module
except ImportError as error: print(repr(error))
importlib.reload(importlib.import_module("json"))
""",
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_user_code_cannot_tell_that_it_is_under_control(
    controlled: Controller, tmp_path: Path, check: str
) -> None:
    """What a script prints is, character for character, what it prints without us."""
    body = "".join(f"    {line}\n" for line in check.splitlines())
    script = f"def main():\n{body}"
    plain = tmp_path / "plain.py"
    plain.write_text(f"{script}\nmain()\n")
    expected = subprocess.run(
        [sys.executable, "-W", "ignore", str(plain)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected.returncode == 0, expected.stderr

    seen = controlled(script)

    assert _without_addresses(seen.stdout) == _without_addresses(expected.stdout)


def _without_addresses(text: str) -> list[str]:
    import re

    text = text.replace("__main__.main.<locals>", "__main__")
    return re.sub(r"0x[0-9a-fA-F]+", "0x", text).splitlines()

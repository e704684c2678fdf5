"""What is found in scripts, and what is not: a bad and a good piece for each code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.seeds import LIBRARIES
from ml_experiment.verify.checklist.concurrency import UNSEEDED


if TYPE_CHECKING:
    from tests.unit.verify.checklist.conftest import Place

# Whether a package is declared and installed is another matter.
PACKAGES = {"not-installed", "undeclared-package", "unpinned-package", "wrong-version"}
TREE = {"dirty-tree"}

KEPT = """\
class Kept:
    def __init__(self):
        self.names = {{'a', 'b'}}

    def total(self):
        return [n * len(x) for n, x in {how}][-1]
"""
TOTAL = """\
def total(names):
    found = 0
    for n, x in {how}:
        found += n * len(x)
    return found
"""

# (code, imports, body of main)
BAD = [
    ("os-entropy", "import secrets", "secrets.token_bytes(4)"),
    ("os-entropy", "from secrets import choice as pick", "pick([1, 2])"),
    ("os-entropy", "import uuid", "x = uuid.uuid4().hex"),
    ("os-entropy", "from uuid import uuid1", "x = uuid1()"),
    ("os-entropy", "import os", "os.urandom(8)"),
    ("os-entropy", "from random import SystemRandom as R", "R().random()"),
    ("os-entropy", "import random as r", "r.SystemRandom().random()"),
    ("os-entropy", "from os import *", "urandom(8)"),
    ("os-entropy", "import torch", "torch.seed()"),
    (
        "os-entropy",
        "import importlib\nhidden = importlib.import_module('secrets')",
        "hidden.randbelow(4)",
    ),
    (
        "os-entropy",
        "from importlib import import_module",
        "hidden = import_module('secrets')\nhidden.randbelow(4)",
    ),
    ("os-entropy", "", "C = __import__('uuid').uuid4().int"),
    ("os-entropy", "import os as o", "draw = getattr(o, 'urandom')\nC = draw(1)[0]"),
    ("time-seed", "import random, time", "random.seed(time.time())"),
    ("time-seed", "import numpy as np, time", "np.random.seed(int(time.time()))"),
    (
        "time-seed",
        "from numpy.random import default_rng as rng\nfrom time import time_ns",
        "rng(time_ns())",
    ),
    ("time-seed", "import time\nimport torch", "torch.manual_seed(int(time.time()))"),
    ("time-seed", "import os\nimport random", "random.Random(os.getpid())"),
    (
        "time-seed",
        "import time\nfrom sklearn.svm import SVC",
        "seed = int(time.time())\nSVC(random_state=seed)",
    ),
    ("time-seed", "import datetime", "SEED = datetime.datetime.now().microsecond"),
    ("time-seed", "import numpy as np", "np.random.seed(id(main) % 1000)"),
    (
        "time-seed",
        "import random, time\ndef fresh():\n    return int(time.time())\n",
        "random.seed(fresh())",
    ),
    (
        "time-seed",
        (
            "import random, time\n"
            "class Job:\n"
            "    def fresh(self):\n        now = time.time()\n        return int(now)\n"
            "    def begin(self):\n        random.seed(self.fresh())\n"
        ),
        "Job().begin()",
    ),
    (
        "time-seed",
        "import time\nimport xgboost",
        "xgboost.train({'eta': 1, 'seed': int(time.time())}, C)",
    ),
    (
        "time-seed",
        "import time",
        "options = {}\noptions['random_state'] = time.time_ns()",
    ),
    (
        "dataloader-workers",
        "from torch.utils.data import DataLoader",
        "DataLoader([1], shuffle=True, num_workers=2)",
    ),
    (
        "dataloader-workers",
        "import torch.utils.data as tud\nWORKERS = 4",
        "tud.DataLoader([1], num_workers=WORKERS)",
    ),
    (
        "dataloader-workers",
        "from torch.utils.data import DataLoader",
        "options = dict(num_workers=4)\nDataLoader([1], **options)",
    ),
    (
        "dataloader-workers",
        "from torch.utils.data import DataLoader",
        "options = {'num_workers': 4}\nDataLoader([1], shuffle=True, **options)",
    ),
    ("set-order", "", "for x in {'a', 'b'}:\n    C += len(x)"),
    (
        "set-order",
        "",
        "xs = [C * len(x) for x in set('abc')]\nprint(*xs[1:])\nC = xs[0]",
    ),
    ("set-order", "", "C = list(set('abc'))[0]"),
    ("set-order", "", "for x in {'a', 'b'}:\n    print(x)"),
    ("set-order", "", "print(list({'a', 'b'}))"),
    ("set-order", "", "s = {'a', 'b'}\nprint('of', ','.join(s))"),
    ("set-order", "", "s = {'a', 'b'}\nprint(*s)"),
    ("set-order", "", "print({'a', 'b'})"),
    ("set-order", "", "s = {'a', 'b'}\nprint(f'of {s}')"),
    ("set-order", "", "s = {'a', 'b'}\nxs = [*s]\nC = xs[0]"),
    ("set-order", "", "s = {'a', 'b'}\nC = ('c', *s)[1]"),
    ("set-order", KEPT.format(how="enumerate(self.names)"), "C = Kept().total()"),
    ("set-order", "def names():\n    return {'a', 'b'}\n", "C = list(names())[0]"),
    (
        "set-order",
        "def names():\n    found = set('ab')\n    return found\n",
        "for n, x in enumerate(names()):\n    C += n * len(x)",
    ),
    ("set-order", TOTAL.format(how="enumerate(names)"), "C = total({'a', 'b'})"),
    (
        "set-order",
        TOTAL.format(how="enumerate(names)"),
        "found = {'a', 'b'}\nC = total(names=found)",
    ),
    (
        "set-order",
        "",
        "d, e = {'a': 1}, {'b': 2}\nC = [x for x in d.keys() | e.keys()][0]",
    ),
    ("set-order", "", "d = {'a': 1}\nfor x in d.keys() - ['b']:\n    C += d[x]"),
    ("file-order", "import os", "print(os.listdir('.'))"),
    ("set-order", "", "names = set('abc')\nfor n, x in enumerate(names):\n    C += n"),
    ("file-order", "import os", "for f in os.listdir('.'):\n    C += len(f)"),
    ("file-order", "import os", "for f in os.listdir('.'):\n    print(f)"),
    ("file-order", "from glob import glob as g", "C = [len(f) for f in g('*.csv')]"),
    ("file-order", "from pathlib import Path", "C = next(Path('.').iterdir())"),
    (
        "file-order",
        "from pathlib import Path",
        "found = list(Path('.').rglob('*.png'))\nC = found[0]",
    ),
    (
        "file-order",
        "import os",
        "xs = []\nfor a, b, c in os.walk('.'):\n    xs.extend(c)",
    ),
    ("file-order", "import os", "xs = []\nfor a, b, c in os.walk('.'):\n    xs += c"),
    (
        "file-order",
        "import os",
        "xs = [os.path.join(a, x) for a, _, c in os.walk('.') for x in c]\nC = xs[0]",
    ),
    (
        "file-order",
        "from pathlib import Path",
        "xs = []\nfor a, b, c in Path('.').walk():\n    xs.extend(c)",
    ),
    (
        "file-order",
        "from pathlib import Path\nHERE = Path(__file__).resolve().parent",
        "top = HERE / 'data'\nfor a, b, c in top.walk():\n    C += [a / x for x in c]",
    ),
    (
        "completion-order",
        "from concurrent.futures import as_completed as ac",
        "xs = []\nfor x in ac([]):\n    xs.append(x.result())",
    ),
    (
        "completion-order",
        "from multiprocessing import Pool",
        "with Pool() as pool:\n    C = sorted([]) + list(pool.imap_unordered(abs, [1]))",
    ),
    (
        "completion-order",
        "from joblib import Parallel",
        "Parallel(return_as='generator_unordered')([])",
    ),
    (
        "thread-random",
        (
            "import random\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "def draw(x):\n    return random.random()\n"
        ),
        "with ThreadPoolExecutor() as pool:\n    C = list(pool.map(draw, [1, 2]))",
    ),
    (
        "thread-random",
        "import numpy as np\nimport threading\ndef draw():\n    np.random.normal()\n",
        "threading.Thread(target=draw).start()",
    ),
    (
        "thread-random",
        "import random\nfrom concurrent.futures import ThreadPoolExecutor",
        "ThreadPoolExecutor().submit(random.random)",
    ),
    (
        "thread-random",
        "import numpy as np\nfrom concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor() as pool:\n    C = list(pool.map(np.random.rand, [1]))",
    ),
    (
        "thread-random",
        "import threading\nfrom random import gauss",
        "threading.Thread(target=gauss, args=(0, 1)).start()",
    ),
    ("unseeded-library", "import cupy", "cupy.random.normal()"),
    (
        "unseeded-library",
        (
            "import numba\nimport numpy as np\n"
            "@numba.njit\ndef draw():\n    return np.random.normal()\n"
        ),
        "draw()",
    ),
    ("other-program", "import subprocess", "subprocess.run(['./simulate', '3'])"),
    (
        "other-program",
        "import subprocess, sys",
        "subprocess.run([sys.executable, 'fit.py'])",
    ),
    (
        "other-program",
        "import subprocess\nfrom sys import executable",
        "words = ['-m', 'fit']\nsubprocess.run([executable, *words])",
    ),
    ("other-program", "import os", "os.system('./simulate 3')"),
    ("gpu-op", "import torch", "torch.zeros(3, device='cuda').scatter_add_(0, C, C)"),
    ("gpu-op", "import torch", "torch.nn.CTCLoss().cuda()"),
    (
        "gpu-op",
        "import torch.nn.functional as F",
        "F.interpolate(C.to('cuda'), scale_factor=2, mode='bilinear')",
    ),
    ("gpu-op", "import torch", "torch.bincount(C)"),
    ("determinism-off", "import torch", "torch.backends.cudnn.benchmark = True"),
    (
        "determinism-off",
        "from torch.backends import cudnn",
        "cudnn.deterministic = False",
    ),
    ("determinism-off", "import torch", "torch.use_deterministic_algorithms(False)"),
    (
        "racing-training",
        "import xgboost as xgb",
        "xgb.XGBRegressor(booster='gblinear')",
    ),
    (
        "racing-training",
        "import xgboost as xgb",
        "xgb.train({'eta': 0.5, 'booster': 'gblinear'}, C)",
    ),
    ("racing-training", "import umap", "umap.UMAP()"),
    (
        "racing-training",
        "from gensim.models import Word2Vec",
        "Word2Vec([], workers=4)",
    ),
    ("lightgbm-layout", "from lightgbm import LGBMClassifier", "LGBMClassifier()"),
    (
        "machine-threads",
        "import os\nimport torch",
        "torch.set_num_threads(os.cpu_count())",
    ),
    (
        "no-split-seed",
        "from sklearn.model_selection import train_test_split as tts",
        "tts([1, 2], [1, 2])",
    ),
    (
        "no-split-seed",
        "from sklearn import model_selection",
        "model_selection.train_test_split([1], random_state=None)",
    ),
    (
        "no-split-seed",
        "from sklearn.model_selection import KFold",
        "KFold(5, shuffle=True)",
    ),
    (
        "no-split-seed",
        "from sklearn.model_selection import StratifiedShuffleSplit",
        "StratifiedShuffleSplit(3)",
    ),
    (
        "no-split-seed",
        "from torch.utils.data import random_split",
        "random_split([1, 2], [1, 1])",
    ),
    (
        "no-split-seed",
        "from functools import partial\nfrom sklearn.model_selection import train_test_split",
        "split = partial(train_test_split, test_size=0.2)\na, b = split([1, 2])",
    ),
    ("no-split-seed", "import pandas as pd", "pd.DataFrame().sample(frac=0.8)"),
    (
        "fit-before-split",
        (
            "from sklearn.model_selection import train_test_split\n"
            "from sklearn.preprocessing import StandardScaler"
        ),
        (
            "X = [[1.0]]\nX = StandardScaler().fit_transform(X)\n"
            "train_test_split(X, random_state=0)"
        ),
    ),
    (
        "fit-before-split",
        (
            "from sklearn.model_selection import train_test_split\n"
            "from sklearn.decomposition import PCA"
        ),
        "X = [[1.0]]\npca = PCA()\npca.fit(X)\ntrain_test_split(X, random_state=0)",
    ),
    (
        "test-set-stops-training",
        "import xgboost",
        (
            "X_test = y_test = C\nxgboost.XGBClassifier(early_stopping_rounds=5)"
            ".fit(C, C, eval_set=[(X_test, y_test)])"
        ),
    ),
    ("absolute-path", "", "open('{root}/train.py').read()"),
    ("data-outside-project", "", "open('/somewhere/else.csv').read()"),
    ("data-outside-project", "import pandas as pd", "pd.read_csv('~/train.csv')"),
    (
        "data-outside-project",
        "from pathlib import Path\nimport numpy as np\nDATA = Path('/mnt/data/set')",
        "np.load(DATA / 'x.npy')",
    ),
    ("data-outside-project", "", "data_dir = '/home/me/data'"),
    ("data-outside-project", "from pathlib import Path", "Path.home()"),
    ("data-outside-project", "import numpy as np", "np.load('../../x.npy')"),
    ("data-missing", "import pandas as pd", "pd.read_csv('gone.csv')"),
    (
        "data-missing",
        "import pandas\nfrom pathlib import Path",
        "pandas.read_csv(Path('data') / 'gone.csv')",
    ),
    (
        "download",
        "import pandas as pd",
        "pd.read_csv('https://example.org/iris.csv')",
    ),
    ("download", "from urllib.request import urlopen", "urlopen(C)"),
    ("download", "import requests", "requests.get('https://example.org/iris.csv')"),
    (
        "dataset-download",
        "from sklearn.datasets import fetch_openml",
        "fetch_openml('x')",
    ),
    (
        "dataset-download",
        "from torchvision import datasets",
        "datasets.MNIST('data', download=True)",
    ),
    ("data-unseen", "import netCDF4", "netCDF4.Dataset('train.py')"),
    ("data-unseen", "import duckdb", "duckdb.read_parquet('train.py')"),
    ("data-unseen", "import polars as pl", "pl.read_excel('train.py')"),
    ("data-unseen", "import rasterio", "rasterio.open(C)"),
    ("os-entropy", "import numpy as np", "np.fromfile('/dev/urandom', count=3)"),
    ("set-order", "", "seen = set()\nseen.add('a')\nfor x in seen:\n    C += len(x)"),
    (
        "time-seed",
        "import time\ndef set_seed(seed):\n    pass\n",
        "set_seed(int(time.time()))",
    ),
    ("time-limit", "import time", "while time.time() < C:\n    C += 1"),
    (
        "time-limit",
        "import time",
        "start = time.time()\nfor x in 'ab':\n    if time.time() - start > 3:\n        break",
    ),
    (
        "hash-seed",
        "import os",
        "os.environ['PYTHONHASHSEED'] = 'random'",
    ),
]

GOOD = [
    # What the run's seed controls.
    ("import random", "random.random()\nrandom.seed()\nrandom.Random().random()"),
    ("import numpy as np", "np.random.seed(3)\nnp.random.default_rng().normal()"),
    ("import numpy as np", "np.random.RandomState().normal()\nnp.random.normal()"),
    ("import torch", "torch.manual_seed(3)\ntorch.rand(3)"),
    ("from sklearn.ensemble import RandomForestClassifier", "RandomForestClassifier()"),
    # A clock that is no seed.
    (
        "import time\nimport random",
        "start = time.time()\nrandom.seed(3)\nt = time.time()",
    ),
    (
        "import time\nimport numpy as np\nSEED = 3",
        "t = time.time()\nnp.random.seed(SEED)",
    ),
    (
        "import time",
        "start = time.time()\nif time.time() - start > 1:\n    print('slow')",
    ),
    (
        "import random, time\ndef fresh():\n    time.time()\n    return 3\n",
        "random.seed(fresh())",
    ),
    (
        "import random, time\ndef now():\n    return time.time()\n",
        "start = now()\nrandom.seed(3)\nprint(now() - start)",
    ),
    ("import time\nimport xgboost", "xgboost.train({'seed': 3, 'at': time.time()}, C)"),
    (
        "import time",
        "seconds = {'started': time.time()}\nseconds['ended'] = time.time()",
    ),
    # Names that only look alike.
    ("", "secrets = {'a': 1}\nC = secrets['a']"),
    ("def uuid4():\n    return 4\n", "uuid4()"),
    ("import importlib", "x = importlib.import_module('json')\nx.dumps(1)"),
    ("import os", "C = getattr(os, 'sep') + getattr(C, 'urandom', '')"),
    (
        "def import_module(x):\n    return x\n",
        "hidden = import_module('secrets')\nhidden.choice(4)",
    ),
    (
        "import importlib",
        "x = importlib.import_module('secrets')\nx = {}\nx.choice(4)",
    ),
    (
        "",
        "x = C\nx = getattr(x, 'x')\ny = getattr(y, 'x')\nC = __import__('uuid').uuid5",
    ),
    ("import uuid", "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')"),
    ("import secrets", "secrets.compare_digest('a', 'b')"),
    ("import random\ndef f(x: random.SystemRandom) -> None:\n    pass\n", "pass"),
    # Orders that do not show.
    ("", "for x in sorted({'a', 'b'}):\n    C += len(x)"),
    ("", "C = len(set('abc')) + ('a' in {'a', 'b'})"),
    ("", "s = {'a', 'b'}\nprint(sorted(s), ','.join(sorted(s)), *sorted(s), len(s))"),
    ("", "s = {'a', 'b'}\nprint('a' in s, min(s), max(*s), s == {'c', 'd'}, bool(s))"),
    ("", "s = {'a', 'b'}\nC = sorted([*s])[0]\nC = len((*s, 'c'))\nC = {*s, 'c'}"),
    ("", "s = {'a', 'b'}\nxs = [*s]\nxs.sort()\nC = xs[0]"),
    ("", "s = {'a', 'b'}\nprint(f'{len(s)} of {sorted(s)}')"),
    ("", "s = {'a', 'b'}\nif not s:\n    text = f'{s}'\n    raise OSError(text)"),
    ("", "print(*{1, 2})\nprint([*{1, 2}])"),
    (KEPT.format(how="enumerate(sorted(self.names))"), "C = Kept().total()"),
    (KEPT.format(how="[(len(self.names), 'a' in self.names)]"), "C = Kept().total()"),
    ("def names():\n    return {'a', 'b'}\n", "C = sorted(names())[0]\nlen(names())"),
    ("def names():\n    return sorted({'a', 'b'})\n", "C = list(names())[0]"),
    (TOTAL.format(how="enumerate(sorted(names))"), "C = total({'a', 'b'})"),
    (TOTAL.format(how="enumerate(names)"), "C = total(sorted({'a', 'b'}))"),
    (
        "def both(names, other):\n    return [x for x in other if x in names]\n",
        "C = both({'a', 'b'}, ['a'])[0]",
    ),
    ("", "d = {'a': 1}\nfor x in sorted(d.keys() | {'b': 2}.keys()):\n    C += len(x)"),
    ("", "d = {'a': 1}\nC = [x for x in d.keys()] + list(d.items())\nC = C[0]"),
    ("", "d = {'a': 1}\nC = dict(**{k: d[k] for k in d.keys() & {'a'}})['a']"),
    ("", "d = {'a': 1}\nif d.keys() - {'a': 2}.keys():\n    raise ValueError(d)"),
    ("import os", "print(len(os.listdir('.')), *sorted(os.listdir('.')))"),
    ("", "for x in {1, 2, 3}:\n    C += x"),
    ("", "missing = {'a'} - set('abc')\nif missing:\n    raise ValueError(missing)"),
    ("", "C = {x for x in set('abc')}"),
    ("", "seen = set()\nfor x in 'abc':\n    seen.add(x)"),
    ("import os", "for f in sorted(os.listdir('.')):\n    C += len(f)"),
    ("import os", "files = os.listdir('.')\nfiles.sort()\nC = files[0]"),
    ("import os", "C = len(os.listdir('.')) if 'x' in os.listdir('.') else 0"),
    ("from pathlib import Path", "C = sorted(p.name for p in Path('.').glob('*.py'))"),
    ("from pathlib import Path", "for p in Path('.').glob('*.tmp'):\n    p.unlink()"),
    (
        "import os",
        "for a, b, c in os.walk('.'):\n    for f in sorted(c):\n        print(f)",
    ),
    ("import os", "n = 0\nfor a, b, c in os.walk('.'):\n    n += len(c)\nC = n"),
    ("import os", "C = sum(len(c) for a, b, c in os.walk('.'))"),
    ("import os", "C = sorted(x for a, b, c in os.walk('.') for x in c)[0]"),
    (
        "import os",
        "xs = [x for a, b, c in os.walk('.') for x in c]\nxs.sort()\nC = xs[0]",
    ),
    ("import os", "d = {x: a for a, b, c in os.walk('.') for x in c}\nC = d['x']"),
    (
        "from pathlib import Path",
        "xs = []\nfor a, b, c in sorted(Path('.').walk()):\n    xs += sorted(c)",
    ),
    ("import ast", "xs = []\nfor x in ast.walk(C):\n    xs.append(x)"),
    ("", "tree = C\nxs = []\nfor x in tree.walk():\n    xs.append(x)"),
    (
        "from concurrent.futures import as_completed",
        "found = {}\nfor x in as_completed([]):\n    found[x] = x.result()",
    ),
    (
        (
            "import numpy as np\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "def draw(n):\n    return np.random.default_rng(n).normal()\n"
        ),
        "with ThreadPoolExecutor() as pool:\n    C = list(pool.map(draw, [1, 2]))",
    ),
    (
        "import subprocess, sys",
        "subprocess.run([sys.executable, '-m', 'pip', 'freeze'])",
    ),
    (
        "import subprocess, sys",
        "subprocess.run([sys.executable, '-m', 'ml_experiment', 'train.py'])",
    ),
    ("import subprocess", "subprocess.check_output(['git', 'rev-parse', 'HEAD'])"),
    (
        "import torch\nfrom torch.utils.data import DataLoader",
        (
            "DataLoader([1], num_workers=2, generator=torch.Generator())\n"
            "DataLoader([1], shuffle=True)\nDataLoader([1], num_workers=0)"
        ),
    ),
    (
        "import torch\nfrom torch.utils.data import DataLoader",
        (
            "options = dict(num_workers=4, generator=torch.Generator())\n"
            "DataLoader([1], **options)"
        ),
    ),
    (
        "import torch\nfrom torch.utils.data import DataLoader",
        ("options = {'num_workers': 0}\nDataLoader([1], **options)"),
    ),
    (
        "import torch\nfrom torch.utils.data import DataLoader",
        (
            "options = dict(num_workers=4)\noptions['generator'] = torch.Generator()\n"
            "DataLoader([1], **options)"
        ),
    ),
    (
        "from functools import partial\nfrom sklearn.model_selection import train_test_split",
        "split = partial(train_test_split, random_state=0)\nsplit([1, 2])",
    ),
    (
        "from functools import partial\nfrom sklearn.model_selection import train_test_split",
        "split = partial(train_test_split, test_size=0.2)\nsplit([1, 2], random_state=0)",
    ),
    (
        "from functools import partial\nfrom sklearn.model_selection import train_test_split",
        "split = partial(train_test_split, shuffle=False)\nsplit([1, 2])",
    ),
    (
        "from functools import partial\nfrom sklearn.model_selection import train_test_split",
        "split = partial(train_test_split, test_size=0.2)\nC = C(split)",
    ),
    ("import torch", "x = torch.zeros(3, device='cpu')\nx.scatter_add_(0, x, x)"),
    (
        "import torch\ntorch.use_deterministic_algorithms(True)",
        "torch.zeros(3, device='cuda').index_add_(0, C, C)",
    ),
    ("import torch", "torch.backends.cudnn.benchmark = False"),
    (
        "from lightgbm import LGBMClassifier",
        "LGBMClassifier(deterministic=True, force_row_wise=True)",
    ),
    ("import xgboost", "xgboost.XGBClassifier()"),
    # Splits with a seed, and splits that are not random.
    (
        "from sklearn.model_selection import KFold, train_test_split as tts",
        (
            "tts([1, 2], random_state=3)\ntts([1, 2], shuffle=False)\nKFold(5)\n"
            "KFold(5, shuffle=True, random_state=C)\noptions = {}\ntts([1], **options)"
        ),
    ),
    (
        (
            "from sklearn.model_selection import train_test_split\n"
            "from sklearn.preprocessing import LabelEncoder, StandardScaler"
        ),
        (
            "X, y = [[1.0]], ['a']\ny = LabelEncoder().fit_transform(y)\n"
            "X_train, X_test = train_test_split(X, random_state=0)\n"
            "StandardScaler().fit(X_train)"
        ),
    ),
    (
        "import xgboost",
        (
            "X_val = X_test = C\nxgboost.XGBClassifier(early_stopping_rounds=5)"
            ".fit(C, C, eval_set=[(X_val, C)])"
        ),
    ),
    # Paths that are written, that come with the project, or are none.
    ("", "open('/dev/null').read()\nopen('out.txt', 'w').write('x')"),
    ("", "open('made.txt', 'w').write('x')\nopen('made.txt').read()"),
    (
        "import os",
        "if os.path.exists('cache.txt'):\n    open('cache.txt').read()",
    ),
    ("import pandas as pd", "pd.DataFrame().to_csv('/tmp/out.csv')"),
    ("", "path = '/health/live'\nurl_path = '/api/items/3'"),
    ("import pandas as pd\nHERE = __file__", "pd.read_csv(HERE + '.csv')"),
    ("from sklearn.datasets import fetch_openml", "fetch_openml('x', version=1)"),
    ("from sklearn.datasets import load_iris", "load_iris()"),
    ("import os", "os.environ['PYTHONHASHSEED'] = str(3)"),
]


def _found(project: Place, imports: str, body: str) -> set[str]:
    project.script(imports, body.replace("{root}", str(project.path)))
    return set(project.codes()) - PACKAGES - TREE


@pytest.mark.parametrize(
    ("code", "imports", "body"),
    BAD,
    ids=[f"{code}-{number}" for number, (code, *_) in enumerate(BAD)],
)
def test_what_is_bad_is_found(
    project: Place, code: str, imports: str, body: str
) -> None:
    """Each bad piece of code has its own finding."""
    assert code in _found(project, imports, body)


@pytest.mark.parametrize(
    ("imports", "body"), GOOD, ids=[str(number) for number in range(len(GOOD))]
)
def test_what_is_good_is_not_found(project: Place, imports: str, body: str) -> None:
    """Nothing is said against good code."""
    assert _found(project, imports, body) == set()


def test_a_finding_names_its_line(project: Place) -> None:
    """File and line lead to the place."""
    path = project.script("import uuid", "x = 1\ny = uuid.uuid4()")

    found = next(f for f in project.check().findings if f.rule.code == "os-entropy")

    assert found.file == path
    assert (
        path.read_text().splitlines()[(found.line or 0) - 1].strip()
        == "y = uuid.uuid4()"
    )


def test_a_seed_of_the_clock_is_told_once(project: Place) -> None:
    """A name for it that goes into a table, or a call, is the same seed."""
    body = "seed = int(time.time())\nC = xgboost.train({'seed': seed}, C)"
    project.script("import time\nimport xgboost", body)

    assert project.codes()["time-seed"] == 1


def test_modules_of_the_project_are_looked_at(project: Place) -> None:
    """What a script imports from beside it belongs to the job, however it is imported."""
    project.write("lib/__init__.py", "from . import inner\n")
    project.write("lib/inner.py", "from .deep import draw\n")
    project.write("lib/deep.py", "import os\n\ndef draw():\n    return os.urandom(1)\n")
    project.write("unused.py", "import uuid\nuuid.uuid4()\n")
    project.script("from lib import inner")

    findings = project.check().findings
    found = [f for f in findings if f.rule.code == "os-entropy"]

    assert [f.file for f in found] == [project.path / "lib" / "deep.py"]


def test_libraries_under_control_are_not_called_unseeded() -> None:
    """The list of uncontrolled libraries has none that the run's seed reaches."""
    controlled = {library.module.partition(".")[0] for library in LIBRARIES}

    assert set(UNSEEDED) & controlled == set()

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
        "dataloader-workers",
        "from torch.utils.data import DataLoader",
        "DataLoader([1], shuffle=True, num_workers=2)",
    ),
    (
        "dataloader-workers",
        "import torch.utils.data as tud\nWORKERS = 4",
        "tud.DataLoader([1], num_workers=WORKERS)",
    ),
    ("set-order", "", "for x in {'a', 'b'}:\n    C += len(x)"),
    (
        "set-order",
        "",
        "xs = [C * len(x) for x in set('abc')]\nprint(*xs[1:])\nC = xs[0]",
    ),
    ("set-order", "", "C = list(set('abc'))[0]"),
    ("set-order", "", "for x in {'a', 'b'}:\n    print(x)"),
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
    ("data-unseen", "import pandas as pd", "pd.read_parquet('train.py')"),
    ("data-unseen", "import h5py", "h5py.File('train.py')"),
    ("data-unseen", "import cv2", "cv2.imread(C)"),
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
    # Names that only look alike.
    ("", "secrets = {'a': 1}\nC = secrets['a']"),
    ("def uuid4():\n    return 4\n", "uuid4()"),
    ("import uuid", "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')"),
    ("import secrets", "secrets.compare_digest('a', 'b')"),
    ("import random\ndef f(x: random.SystemRandom) -> None:\n    pass\n", "pass"),
    # Orders that do not show.
    ("", "for x in sorted({'a', 'b'}):\n    C += len(x)"),
    ("", "C = len(set('abc')) + ('a' in {'a', 'b'})"),
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
    ("import subprocess", "subprocess.check_output(['git', 'rev-parse', 'HEAD'])"),
    (
        "import torch\nfrom torch.utils.data import DataLoader",
        (
            "DataLoader([1], num_workers=2, generator=torch.Generator())\n"
            "DataLoader([1], shuffle=True)\nDataLoader([1], num_workers=0)"
        ),
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

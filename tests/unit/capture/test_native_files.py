"""Files that native code opens are seen, by the functions that open them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.native_files import NATIVE_CALLS, NativeCall


if TYPE_CHECKING:
    from pathlib import Path

WATCHED = """\
import json, sys
from pathlib import Path
from ml_experiment.capture.data import DataWatch
from ml_experiment.capture.native_files import NativeFiles

class Sink:
    def write(self, event, **fields):
        opened.append(Path(fields["path"]).name)

opened = []
watch = DataWatch(Sink())
NativeFiles(watch).install()
watch.start()
{code}
print(json.dumps([sorted(opened), sorted(Path(each).name for each in watch.shared.seen.made)]))
"""

# Preparation, unseen; what is watched; the files it reads; those it writes.
CASES = {
    "h5py": (
        "import h5py\nfor name in 'ab':\n    h5py.File(name, 'w')['x'] = [1]",
        """\
import h5py
with h5py.File("a") as file, h5py.File(name=Path("b"), mode="r") as other:
    assert file["x"][0] == other["x"][0] == 1
h5py.File("c", "w").close()
h5py.File("d", mode="w-").close()
h5py.File("a", "r+").close()
""",
        ["a", "b"],
        ["c", "d"],
    ),
    "pytables": (
        "import pandas as pd\npd.DataFrame({'x': [1]}).to_hdf('a', key='x')",
        (
            "import pandas as pd\nassert pd.read_hdf('a').x[0] == 1\n"
            "pd.DataFrame({'x': [1]}).to_hdf('b', key='x', mode='w')"
        ),
        ["a"],
        ["b"],
    ),
    "parquet": (
        """\
import pandas as pd
for name in "abcd":
    pd.DataFrame({"x": [1]}).to_parquet(name + ".parquet")
Path("parts").mkdir()
for name in "ef":
    pd.DataFrame({"x": [1]}).to_parquet(f"parts/{name}.parquet")
""",
        """\
import pandas as pd, pyarrow.parquet as pq, pyarrow.dataset as ds
assert pd.read_parquet("a.parquet").x[0] == 1
assert pq.read_table("b.parquet").num_rows == 1
assert pq.ParquetFile("c.parquet").metadata.num_rows == 1
assert ds.dataset("d.parquet").count_rows() == 1
assert ds.dataset("parts").count_rows() == 2
pd.DataFrame({"x": [1]}).to_parquet("g.parquet")
""",
        [f"{name}.parquet" for name in "abcdef"],
        ["g.parquet"],
    ),
    "arrow": (
        """\
import pyarrow as pa, pyarrow.feather, pyarrow.orc
table = pa.table({"x": [1]})
pa.feather.write_feather(table, "a")
pa.orc.write_table(table, "b")
Path("c").write_text("x\\n1\\n")
Path("d").write_text('{"x": 1}')
with pa.OSFile("e", "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
    writer.write(table)
""",
        """\
import pyarrow as pa, pyarrow.csv, pyarrow.feather, pyarrow.json, pyarrow.orc
for table in (
    pa.feather.read_table("a"),
    pa.orc.ORCFile("b").read(),
    pa.csv.read_csv("c"),
    pa.json.read_json("d"),
    pa.ipc.open_file(pa.memory_map("e")).read_all(),
):
    assert table.num_rows == 1
pa.csv.write_csv(table, "f")
pa.feather.write_feather(table, dest="g")
""",
        ["a", "b", "c", "d", "e"],
        ["f", "g"],
    ),
    "polars": (
        (
            "import polars as pl\nframe = pl.DataFrame({'x': [1]})\n"
            "frame.write_parquet('a.parquet')\nframe.write_csv('b.csv')\n"
            "frame.write_csv('c.csv')"
        ),
        (
            "import polars as pl\nassert len(pl.read_parquet('a.parquet')) == 1\n"
            "assert len(pl.scan_csv(['b.csv', 'c.csv']).collect()) == 2\n"
            "assert len(pl.read_csv('[bc].csv')) == 2"
        ),
        ["a.parquet", "b.csv", "c.csv"],
        [],
    ),
    "xgboost": (
        "Path('a').write_text('1 1:2\\n0 1:3\\n')",
        """\
import numpy as np, xgboost as xgb
assert xgb.DMatrix("a?format=libsvm").num_row() == 2
model = xgb.XGBClassifier(n_estimators=1).fit(np.eye(4), [0, 1, 0, 1])
model.save_model("b.json")
xgb.XGBClassifier().load_model("b.json")
""",
        ["a"],
        ["b.json"],
    ),
    "lightgbm": (
        "Path('a').write_text('1,2\\n0,3\\n' * 40)",
        """\
import lightgbm as lgb
data = lgb.Dataset("a", params={"verbose": -1})
model = lgb.train({"verbose": -1, "objective": "binary"}, data, 1)
model.save_model("b")
assert lgb.Booster(model_file="b").num_trees() == 1
""",
        ["a"],
        ["b"],
    ),
    "torch": (
        "",
        "import torch\ntorch.save({'x': 1}, 'a')\nassert torch.load('a') == {'x': 1}",
        [],
        ["a"],
    ),
    "safetensors": (
        (
            "import torch\nfrom safetensors.torch import save_file\n"
            "save_file({'x': torch.ones(1)}, 'a')"
        ),
        (
            "import torch\nfrom safetensors.torch import load_file, save_file\n"
            "assert load_file('a')['x'] == 1\nsave_file({'x': torch.ones(1)}, 'b')\n"
            "import numpy as np, safetensors.numpy as sn\n"
            "assert sn.load_file('a')['x'] == 1\nsn.save_file({'x': np.ones(1)}, 'c')"
        ),
        ["a"],
        ["b", "c"],
    ),
    "opencv": (
        "import cv2, numpy as np\ncv2.imwrite('a.png', np.zeros((2, 2)))",
        (
            "import cv2\nimage = cv2.imread('a.png')\nassert image.shape == (2, 2, 3)\n"
            "cv2.imwrite('b.png', image)"
        ),
        ["a.png"],
        ["b.png"],
    ),
}


def _run(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", CASES)
def test_files_that_native_code_opens_are_seen(tmp_path: Path, library: str) -> None:
    """Those that are read, once each, and those that are written."""
    prepare, code, read, written = CASES[library]
    if prepare:
        _run(f"from pathlib import Path\n{prepare}", tmp_path)

    found = _run(WATCHED.replace("{code}", code), tmp_path).splitlines()[-1]

    assert json.loads(found) == [read, written]


def test_what_is_no_local_path_is_left_alone(tmp_path: Path) -> None:
    """Buffers, open files, tables in memory, addresses; and errors are the library's."""
    code = """\
import io, h5py, numpy as np, pandas as pd, xgboost as xgb, pyarrow.csv as pc
h5py.File(io.BytesIO(), "w").close()
xgb.DMatrix(np.eye(2))
assert pc.read_csv(io.BytesIO(b"x\\n1\\n")).num_rows == 1
pd.DataFrame({"x": [1]}).to_parquet(io.BytesIO())
for path, error in (("gone", FileNotFoundError), ("https://nowhere/x", OSError)):
    try:
        h5py.File(path)
    except error:
        continue
    raise AssertionError(path)
"""

    found = _run(WATCHED.replace("{code}", code), tmp_path).splitlines()[-1]

    assert json.loads(found) == [[], []]


def test_wrapped_functions_look_as_they_did(tmp_path: Path) -> None:
    """They can be pickled, and tell their own signature."""
    code = """\
import inspect, pickle, pyarrow.csv as pc, h5py
assert pickle.loads(pickle.dumps(pc.read_csv)) is pc.read_csv
assert list(inspect.signature(h5py.File.__init__).parameters)[1] == "name"
"""

    _run(WATCHED.replace("{code}", code), tmp_path)


@pytest.mark.parametrize(
    "call", NATIVE_CALLS, ids=lambda each: f"{each.module}.{each.name}"
)
def test_what_is_wrapped_is_there(call: NativeCall) -> None:
    """A library that renames its functions would no longer be seen."""
    home: object = importlib.import_module(call.module)
    for name in call.name.split("."):
        home = getattr(home, name)

    assert callable(home)

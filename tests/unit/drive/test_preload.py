"""NumPy is imported ahead where that changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_experiment.drive.preload import imports_numpy_first


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np",
        "import numpy as np, torch",
        "from numpy.random import default_rng",
        '"""Train."""\nfrom __future__ import annotations\nimport os\nimport numpy',
        "from ml_experiment import job\nimport json, numpy",
    ],
)
def test_a_script_that_begins_with_it(tmp_path: Path, text: str) -> None:
    """Whatever of the standard library, or of ours, comes before."""
    script = tmp_path / "script.py"
    script.write_text(text)

    assert imports_numpy_first(script)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import os",
        "import numpy_financial",
        "import torch, numpy",
        "import pandas\nimport numpy",
        "import os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport numpy",
        "print('first')\nimport numpy",
        "try:\n    import numpy\nexcept ImportError:\n    pass",
        "from . import helper\nimport numpy",
        "import helper\nimport numpy",
        "import queue\nimport numpy",
        "import numpy as np\nthis is no Python",
        "import numpy\0",
    ],
)
def test_a_script_that_does_something_before(tmp_path: Path, text: str) -> None:
    """What it sets before the import must hold; and files beside it come first."""
    script = tmp_path / "script.py"
    script.write_text(text)
    (tmp_path / "helper.py").touch()
    (tmp_path / "queue.py").touch()

    assert not imports_numpy_first(script)


@pytest.mark.parametrize("name", ["numpy.py", "numpy/__init__.py", "numpy.so"])
def test_a_numpy_of_the_users(tmp_path: Path, name: str) -> None:
    """It lies beside the script, and is what the script imports."""
    script = tmp_path / "script.py"
    script.write_text("import numpy")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()

    assert not imports_numpy_first(script)


def test_no_script(tmp_path: Path) -> None:
    """It is missed by somebody else."""
    assert not imports_numpy_first(tmp_path / "script.py")


@pytest.mark.parametrize(
    ("numpy", "said"),
    [
        ("import warnings; warnings.warn('old hardware')", "old hardware"),
        ("import os; os.write(2, b'from native code')", "from native code"),
        ("import sys; sys.stderr.write('half a line')", "half a line"),
    ],
)
def test_what_it_says_is_kept(tmp_path: Path, numpy: str, said: str) -> None:
    """For the console of the run."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "numpy.py").write_text(numpy)
    (tmp_path / "script.py").write_text("import numpy")
    code = (
        "import pathlib, sys; from ml_experiment.drive.preload import preload\n"
        "said = preload(pathlib.Path('script.py')).read().decode()\n"
        "print(said); print('after', file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "packages")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said in done.stdout
    assert done.stderr == "after\n"

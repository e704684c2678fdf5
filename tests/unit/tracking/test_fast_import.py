"""MLflow is imported without what a store never uses, and nobody is the poorer for it."""

from __future__ import annotations

import subprocess
import sys


_SPARING = "import sys\nfrom ml_experiment.tracking.fast_import import sparing_import\n"
_STORE = """\
with sparing_import():
    import mlflow.gateway.utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
"""


def _printed(code: str) -> list[str]:
    command = [sys.executable, "-c", _SPARING + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_plain_import_takes_what_the_sparing_one_does_not() -> None:
    """Where one of them is no longer imported anyway, there is nothing left to hide."""
    hidden = "numpy", "pandas", "pygments", "fastapi"
    asked = f"print(*[name for name in {hidden} if name in sys.modules])\n"
    plain = _STORE.replace("with sparing_import():", "if True:")
    assert _printed(_STORE + asked) == []
    assert _printed(plain + asked) == list(hidden)


def test_all_of_them_can_be_imported_afterwards() -> None:
    """The process may still upload a table, or show a page."""
    code = (
        "import numpy, pandas, pyarrow, pygments\n"
        "from fastapi import FastAPI, HTTPException\n"
        "import fastapi.responses\n"
        "print(FastAPI().title, HTTPException(404).status_code)\n"
    )
    assert _printed(_STORE + code) == ["FastAPI", "404"]


def test_what_is_there_already_stays() -> None:
    """Nobody who has imported one of them loses it."""
    code = (
        "import numpy, fastapi\n"
        "with sparing_import():\n"
        "    import mlflow, numpy as again\n"
        "print(sys.modules['fastapi'] is fastapi, again is numpy)\n"
    )
    assert _printed(code) == ["True", "True"]


def test_who_asks_fastapi_for_more_is_given_the_library() -> None:
    """A later MLflow may need more of it than the name of an exception."""
    code = (
        "with sparing_import():\n"
        "    from fastapi import HTTPException\n"
        "    from fastapi.responses import JSONResponse\n"
        "    from fastapi import APIRouter\n"
        "    import fastapi\n"
        "print(fastapi.APIRouter is APIRouter, fastapi.HTTPException is HTTPException)\n"
        "print(JSONResponse.__name__, sys.modules['fastapi'] is fastapi)\n"
    )
    assert _printed(code) == ["True", "False", "JSONResponse", "True"]

"""What the decorator says, read without running the script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_experiment.config.entry_point import read_decorator


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@job\ndef main(): ...", {}),
        ("@job()\ndef main(): ...", {}),
        ("@job(seed=7, name='a')\ndef main(): ...", {"seed": 7, "name": "a"}),
        ("@job(seed=-7)\ndef main(): ...", {"seed": -7}),
        ("@job(data=['a', 'b'])\ndef main(): ...", {"data": ["a", "b"]}),
        ("SEED = 7\n@job(seed=SEED)\ndef main(): ...", {"seed": 7}),
        ("SEED: int = 7\n@job(seed=SEED)\ndef main(): ...", {"seed": 7}),
        ("SEED = 7\nSEED = 8\n@job(seed=SEED)\ndef main(): ...", {}),
        ("SEED = 7\nSEED += 1\n@job(seed=SEED)\ndef main(): ...", {}),
        ("SEED = f()\n@job(seed=SEED)\ndef main(): ...", {}),
        ("@job(seed=f(), name='a')\ndef main(): ...", {"name": "a"}),
        ("@job(**fields)\ndef main(): ...", {}),
        ("@job(seed=7)\n@other\ndef main(): ...", {"seed": 7}),
        ("@job(seed=1)\ndef a(): ...\n@job(seed=2)\ndef main(): ...", {"seed": 2}),
        ("@job(seed=1)\ndef a(): ...\n@job(seed=2)\ndef b(): ...", {}),
        ("@other(seed=7)\ndef main(): ...", {}),
        ("def main(:", {}),
    ],
)
def test_only_what_is_sure_is_told(
    tmp_path: Path, text: str, said: dict[str, object]
) -> None:
    """Literals, and names that stand for one literal."""
    script = tmp_path / "train.py"
    script.write_text(f"from ml_experiment import job\n{text}\n")

    assert read_decorator(script) == said

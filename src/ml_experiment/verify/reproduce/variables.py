"""Which recorded environment variables decide on results, and not on places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_experiment.record.masking import MASK


if TYPE_CHECKING:
    from collections.abc import Mapping

_DECISIVE = re.compile(
    r"PYTHONHASHSEED|PYTHONOPTIMIZE|PYTHONUTF8|PYTHONWARNINGS|PYTHON_GIL|PYTHON_JIT|"
    r"LANG|LANGUAGE|LC_\w+|TZ|KERAS_BACKEND|TOKENIZERS_PARALLELISM|LOKY_MAX_CPU_COUNT|"
    r"GOTO_NUM_THREADS|(OMP|KMP|GOMP|MKL|OPENBLAS|BLIS|VECLIB|NUMEXPR)_\w+|"
    r"(CUBLAS|CUDNN|TF|XLA|JAX|TORCH|PYTORCH|NUMBA)_\w+|NVIDIA_TF32_OVERRIDE"
)
_PLACES = re.compile(r".*_(HOME|DIR|PATH|ROOT|FILE|CACHE|DEVICES|INDEX_URL|URL)")


def decisive(
    recorded: Mapping[str, str], here: Mapping[str, str]
) -> dict[str, str | None]:
    """Return what to set, and what to unset (``None``), for a job to compute as it did.

    Args:
        recorded: Variables of the earlier job, of those that are recorded.
        here: Variables of this process.
    """
    wanted: dict[str, str | None] = {
        name: value
        for name, value in recorded.items()
        if _decides(name, value) and MASK not in value
    }
    unwanted = [
        name
        for name, value in here.items()
        if name not in recorded and _decides(name, value)
    ]
    return wanted | dict.fromkeys(unwanted)


def _decides(name: str, value: str) -> bool:
    if not _DECISIVE.fullmatch(name) or _PLACES.fullmatch(name):
        return False
    return not value.startswith(("/", "~"))

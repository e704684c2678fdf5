"""Arrays of numbers: shape, type, and how far they are apart."""

from __future__ import annotations

import io
from typing import Any

from ml_experiment.verify.compare.finding import (
    SAME,
    Finding,
    Sameness,
    combined,
    different,
)


def compare_arrays(old: Any, new: Any, rtol: float) -> Finding:
    """Compare two NumPy arrays.

    Args:
        old: The first.
        new: The second.
        rtol: Relative difference that is tolerated, of the larger of the two.
    """
    import numpy as np

    if old.shape != new.shape:
        return different(f"shape {old.shape} and {new.shape}")
    if old.dtype != new.dtype:
        return different(f"dtype {old.dtype} and {new.dtype}")
    if old.dtype.names:
        return _records(old, new, rtol)
    if old.dtype.kind not in "fciub":
        apart = _count(old, new)
        return SAME if not apart else different(f"{apart} of {old.size} items differ")
    with np.errstate(all="ignore"):
        equal = (old == new) | ((old != old) & (new != new))  # noqa: PLR0124 - NaN
        if equal.all():
            return SAME
        return _far(old[~equal], new[~equal], old.size, rtol)


def _far(old: Any, new: Any, size: int, rtol: float) -> Finding:
    """Say how far the items that are not equal are apart."""
    import numpy as np

    kind = np.result_type(old.dtype, np.longdouble)  # holds also large whole numbers
    before, after = old.astype(kind), new.astype(kind)
    distance = np.abs(before - after)
    scale = np.maximum(np.abs(before), np.abs(after))
    relative = np.where(np.isfinite(distance), distance / scale, np.inf)
    # Whole numbers may be too large to be told apart so; they differ nevertheless.
    relative = np.maximum(relative, np.finfo(np.float64).tiny)
    largest, worst = float(np.nanmax(distance)), float(np.max(relative))
    if np.isnan(distance).any():
        largest = np.inf
    sameness = Sameness.CLOSE if worst <= rtol else Sameness.DIFFERENT
    return Finding(
        sameness,
        f"{old.size} of {size} values differ, by at most {largest:.3g} "
        f"({worst:.2g} relative)",
    )


def _records(old: Any, new: Any, rtol: float) -> Finding:
    return combined(
        (name, compare_arrays(old[name], new[name], rtol)) for name in old.dtype.names
    )


def _count(old: Any, new: Any) -> int:
    pairs = zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)
    return sum(1 for one, other in pairs if _unlike(one, other))


def _unlike(old: Any, new: Any) -> bool:
    if hasattr(old, "dtype") and hasattr(new, "dtype"):  # an array in an array
        return compare_arrays(old, new, 0.0).sameness is not Sameness.SAME
    return bool(old != new) and repr(old) != repr(new)  # NaN is said as it is


def compare_npy(name: str, old: bytes, new: bytes, rtol: float) -> Finding | None:
    """Compare two ``.npy`` files; ``None`` if they hold objects or are broken."""
    del name
    import numpy as np

    try:
        arrays = [np.load(io.BytesIO(each), allow_pickle=False) for each in (old, new)]
    except (ValueError, EOFError, OSError):
        return None
    found = compare_arrays(arrays[0], arrays[1], rtol)
    return found if found.sameness else None

"""Arrays of NumPy among the symbols of a pickle."""

from __future__ import annotations

from typing import Any

from ml_experiment.verify.compare.formats.symbols import Made


_ARRAY = "numpy._core.multiarray._reconstruct"
_BUFFER = "numpy._core.numeric._frombuffer"
_SCALAR = "numpy._core.multiarray.scalar"


def to_dtype(made: Any) -> Any:
    """Return the NumPy dtype that a symbol stands for; ``None`` if it is none."""
    import numpy as np

    if not isinstance(made, Made) or made.name != "numpy.dtype":
        return None
    state = made.states[0] if made.states else (3, "=", None, None, None, -1, -1, 0)
    names, fields = state[3], state[4]
    if not names:
        return np.dtype(made.args[0]).newbyteorder(state[1])
    if not isinstance(fields, dict):
        return None
    formats = [to_dtype(fields[name][0]) for name in names]
    if any(each is None for each in formats):
        return None
    return np.dtype(
        {
            "names": list(names),
            "formats": formats,
            "offsets": [fields[name][1] for name in names],
            "itemsize": state[5],
        }
    )


def to_array(made: Any) -> Any:
    """Return the array that a symbol stands for; ``None`` if it is none."""
    if not isinstance(made, Made):
        return None
    if made.raw is not None:
        return made.raw if hasattr(made.raw, "dtype") else to_array(made.raw)
    try:
        return _decoded(made)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):
        return None


def _decoded(made: Made) -> Any:
    import numpy as np

    if made.name == _ARRAY and made.states:
        _, shape, dtype, fortran, data = made.states[0]
        kind = to_dtype(dtype)
        if kind is None or kind.hasobject:
            return None
        flat = np.frombuffer(_bytes(data), kind)
        return flat.reshape(shape, order="F" if fortran else "C")
    if made.name == _BUFFER:
        data, dtype, shape, order = made.args
        kind = to_dtype(dtype)
        return (
            None
            if kind is None
            else np.frombuffer(_bytes(data), kind).reshape(shape, order=order)
        )
    if made.name == _SCALAR:
        kind = to_dtype(made.args[0])
        if kind is None or kind.hasobject:
            return None
        return np.frombuffer(_bytes(made.args[1]), kind).reshape(())
    return None


def _bytes(data: Any) -> bytes:
    if isinstance(data, Made):  # before protocol 3: text of which to make bytes
        data = data.args[0]
    return data.encode("latin1") if isinstance(data, str) else bytes(data)

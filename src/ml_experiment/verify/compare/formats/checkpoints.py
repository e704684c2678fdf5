"""Files of PyTorch: which tensor differs, and how far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import combined, named_parts
from ml_experiment.verify.compare.formats.pickles import compare_symbols
from ml_experiment.verify.compare.formats.symbols import Made, Symbol, read_symbols


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.verify.compare.finding import Comparer, Finding

TENSORS = "data.pkl"
_NUMBERS = "data/"
_OF_FILE = ".data/"  # a digest of the file
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
}


def compare_checkpoints(
    old: Mapping[str, bytes], new: Mapping[str, bytes], rtol: float, compare: Comparer
) -> Finding | None:
    """Compare what ``torch.save`` wrote, by the members of its archive.

    Args:
        old: Members of the first, by name.
        new: Members of the second.
        rtol: Relative difference that is tolerated of numbers.
        compare: Compares bytes that are found in them.

    Returns:
        What differs; ``None`` if they are something else.
    """
    try:
        before, after = (_whole(each) for each in (old, new))
        found = compare_symbols(before, after, rtol, compare)
    except (ValueError, KeyError, RecursionError):
        return None
    rest = [
        {name: each for name, each in members.items() if not _is_saved(name)}
        for members in (old, new)
    ]  # such as the code of TorchScript
    both, others = named_parts(*rest)
    others += [
        (name, compare(name, rest[0][name], rest[1][name], rtol)) for name in both
    ]
    return combined([("saved", found), *others]) if combined(others).sameness else found


def _is_saved(name: str) -> bool:
    return name == TENSORS or name.startswith((_NUMBERS, _OF_FILE))


def _whole(members: Mapping[str, bytes]) -> Any:
    """Return what was saved, with the numbers of its tensors in their places."""
    found: list[Made] = []
    saved = read_symbols(members[TENSORS], found)
    for made in found:
        made.raw = _numbers(made, members)
    return saved


def _numbers(made: Made, members: Mapping[str, bytes]) -> Any:
    import numpy as np

    kind, key = made.args[1], str(made.args[2])
    name = kind.name.rpartition(".")[2] if isinstance(kind, Symbol) else ""
    content = members[_NUMBERS + key]
    if name == "BFloat16Storage":  # the upper half of a number of 32 bits
        return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
    # A type that NumPy does not know, byte by byte.
    return np.frombuffer(content, _TYPES.get(name, "V1"))

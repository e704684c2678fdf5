"""The bytes of NumPy arrays and PyTorch tensors, a piece at a time.

Nothing here imports a framework: a value can only be an array if NumPy is loaded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal


if TYPE_CHECKING:
    from collections.abc import Iterator

Order = Literal["C", "F"]

CHUNK_BYTES = 8 * 2**20
# Kinds of dtypes whose items are their bytes: no pointers to elsewhere.
_PLAIN_KINDS = frozenset("biufcmMSUV")


def loaded(name: str) -> Any:
    """Return a module if somebody imported it, else ``None``."""
    return sys.modules.get(name)


def is_array(value: object) -> bool:
    """Whether this is a NumPy array, or of a class derived from it."""
    numpy = loaded("numpy")
    # While it is being imported, a module has not got all of its names.
    kind = getattr(numpy, "ndarray", None)
    return kind is not None and isinstance(value, kind)


def holds_bytes(array: Any) -> bool:
    """Whether an array's items are nothing but its bytes."""
    return array.dtype.kind in _PLAIN_KINDS and not array.dtype.hasobject


def order_of(array: Any) -> Order:
    """Return the order in which an array's items are to be stored."""
    flags = array.flags
    if flags.c_contiguous:
        return "C"
    strides = [abs(stride) for stride in array.strides]
    return "F" if flags.f_contiguous or strides == sorted(strides) else "C"


def chunks(array: Any, order: Order) -> Iterator[memoryview]:
    """Yield the bytes of an array in one order of its items.

    Args:
        array: One for which ``holds_bytes`` is true.
        order: ``C`` (last index fastest) or ``F`` (first index fastest).

    A contiguous array is not copied; of another one, a chunk at a time is.
    """
    numpy = loaded("numpy")
    plain = numpy.asarray(array)
    if plain.nbytes == 0:
        return
    rows = plain.T if order == "F" else plain
    if rows.flags.c_contiguous:
        flat = memoryview(rows.reshape(-1).view(numpy.uint8))
        for start in range(0, len(flat), CHUNK_BYTES):
            yield flat[start : start + CHUNK_BYTES]
        return
    yield from _row_chunks(numpy, rows)


def _row_chunks(numpy: Any, rows: Any) -> Iterator[memoryview]:
    if rows.nbytes <= CHUNK_BYTES or rows.ndim == 0:
        packed = numpy.ascontiguousarray(rows)
        yield memoryview(packed.reshape(-1).view(numpy.uint8))
        return
    row_bytes = rows.nbytes // len(rows)
    if row_bytes > CHUNK_BYTES:
        for row in rows:
            yield from _row_chunks(numpy, row)
        return
    step = CHUNK_BYTES // row_bytes
    for start in range(0, len(rows), step):
        yield from _row_chunks(numpy, rows[start : start + step])


def is_sparse(value: object) -> bool:
    """Whether this is one of SciPy's sparse matrices or arrays."""
    known = getattr(loaded("scipy.sparse"), "issparse", None)
    return known is not None and bool(known(value))


def is_plain_tensor(value: object) -> bool:
    """Whether this is a PyTorch tensor in main memory that is nothing but its numbers."""
    torch = loaded("torch")
    kind = getattr(torch, "Tensor", None)
    if kind is None or type(value) is not kind:
        return False
    tensor: Any = value
    return bool(
        tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and tensor.is_leaf
    )


def tensor_bytes(tensor: Any) -> Any:
    """Return the bytes of a plain tensor, last index fastest, as a NumPy array."""
    torch = loaded("torch")
    packed = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return packed.reshape(-1).view(torch.uint8).numpy()

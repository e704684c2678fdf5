"""Pickling in which arrays and tensors are references into a file of bytes.

Pickle protocol 5 knows buffers out of band, but NumPy offers them for contiguous arrays of
common kinds only. So arrays are taken out by a reduction of our own; tables and sparse
matrices, made of arrays, follow by themselves. What offers a ``PickleBuffer`` (Arrow's
buffers) goes to the same file.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from ml_experiment.sharing.arrays import (
    chunks,
    holds_bytes,
    is_array,
    is_plain_tensor,
    loaded,
    order_of,
    tensor_bytes,
)
from ml_experiment.sharing.maps import is_whole_file_map


if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO, Protocol

    class ByteStore(Protocol):
        """Where the bytes of arrays go."""

        def append(self, pieces: Iterable[memoryview]) -> tuple[int, int]:
            """Write a block; return its offset and its length, in bytes."""
            ...


PROTOCOL = 5


def stored_array(*_: object) -> Any:
    """Stand for an array in the pickle; the reader puts its own function here."""
    raise pickle.UnpicklingError("this pickle is read by load_shared")


def stored_tensor(*_: object) -> Any:
    """Stand for a tensor in the pickle; the reader puts its own function here."""
    raise pickle.UnpicklingError("this pickle is read by load_shared")


def _same_class(array: Any, kind: type) -> Any:
    return array.view(kind)


def _file_map(name: str, dtype: Any, offset: int, shape: Any, order: Any) -> Any:
    import numpy as np

    return np.memmap(
        name, dtype=dtype, mode="r", offset=offset, shape=shape, order=order
    )


def _masked(data: Any, mask: Any, fill_value: Any) -> Any:
    import numpy as np

    return np.ma.MaskedArray(data, mask=mask, fill_value=fill_value)


class ValuePickler(pickle.Pickler):
    """Writes a value; the bytes of its arrays go elsewhere.

    Args:
        file: Takes the pickle.
        store: Takes the bytes.

    Attributes:
        blocks: Offset and length of each out-of-band buffer, in order.
    """

    def __init__(self, file: IO[bytes], store: ByteStore) -> None:
        self.blocks: list[tuple[int, int]] = []
        self._store = store
        super().__init__(file, PROTOCOL, buffer_callback=self._take_buffer)

    def _take_buffer(self, buffer: pickle.PickleBuffer) -> None:
        # Nothing is returned: the buffer is not in the pickle.
        self.blocks.append(self._store.append([buffer.raw()]))

    def reducer_override(self, value: Any) -> Any:
        """Reduce what is made of bytes to a reference; leave the rest to pickle."""
        if is_array(value):
            return self._reduce_array(value)
        if is_plain_tensor(value):
            offset, _ = self._store.append(chunks(tensor_bytes(value), "C"))
            shape = tuple(value.shape)
            return stored_tensor, (offset, value.dtype, shape, value.requires_grad)
        return NotImplemented

    def _reduce_array(self, array: Any) -> Any:
        numpy = loaded("numpy")
        kind = type(array)
        if kind is numpy.ma.MaskedArray:
            return _masked, (array.data, array.mask, array.fill_value)
        if not holds_bytes(array):
            return NotImplemented
        if kind is numpy.memmap and is_whole_file_map(numpy, array):
            where = (str(array.filename), array.dtype, array.offset, array.shape)
            return _file_map, (*where, order_of(array))
        if kind in {numpy.matrix, numpy.recarray}:
            return _same_class, (array.view(numpy.ndarray), kind)
        if kind in {numpy.ndarray, numpy.memmap}:
            order = order_of(array)
            offset, _ = self._store.append(chunks(array, order))
            return stored_array, (offset, array.dtype, array.shape, order)
        return NotImplemented


class ValueUnpickler(pickle.Unpickler):
    """Reads what ``ValuePickler`` wrote.

    Args:
        file: The pickle.
        content: The bytes, writable or not, without a copy.
        blocks: As the pickler said.
    """

    def __init__(
        self, file: IO[bytes], content: Any, blocks: list[tuple[int, int]]
    ) -> None:
        self._content = content
        view = memoryview(content).toreadonly()
        buffers = [view[start : start + length] for start, length in blocks]
        super().__init__(file, buffers=buffers)

    def find_class(self, module: str, name: str) -> Any:
        """Put this reader's functions where the references are."""
        if module == __name__ and name == "stored_array":
            return self._array
        if module == __name__ and name == "stored_tensor":
            return self._tensor
        return super().find_class(module, name)

    def _array(self, offset: int, dtype: Any, shape: Any, order: Any) -> Any:
        import numpy as np

        if 0 in shape or dtype.itemsize == 0:
            array = np.empty(shape, dtype, order)
        else:
            array = np.ndarray(shape, dtype, self._content, offset, order=order)
        array.flags.writeable = False
        return array

    def _tensor(self, offset: int, dtype: Any, shape: Any, requires_grad: bool) -> Any:  # noqa: FBT001 - pickle passes it by position
        import torch

        count = 1
        for size in shape:
            count *= size
        if count == 0:
            return torch.empty(shape, dtype=dtype, requires_grad=requires_grad)
        flat = torch.frombuffer(self._content, dtype=dtype, count=count, offset=offset)
        return flat.reshape(shape).requires_grad_(requires_grad)

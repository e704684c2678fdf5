"""A stand-in for NVIDIA's library ``pynvml``, for machines without a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence


class FakeNvmlError(Exception):
    """What the driver raises."""


@dataclass(frozen=True)
class FakeGpu:
    """One card; ``None`` stands for a question that the card does not answer."""

    name: str = "NVIDIA A100-SXM4-40GB"
    memory_bytes: int | None = 40 * 1024**3
    uuid: str = "GPU-00000000-0000-0000-0000-000000000000"
    capability: tuple[int, int] = (8, 0)


@dataclass(frozen=True)
class FakeMemory:
    """Memory of a card, in bytes."""

    total: int


class FakeNvml:
    """Answers as ``pynvml`` does.

    Args:
        gpus: The cards.
        driver: Version of the driver.
        cuda: CUDA version of the driver as NVML counts it: 12040 for 12.4.
        broken: The driver does not answer at all.
        as_bytes: Give text as bytes, as releases before 11.5 did.
    """

    def __init__(
        self,
        gpus: Sequence[FakeGpu] = (),
        *,
        driver: str = "550.54.15",
        cuda: int = 12040,
        broken: bool = False,
        as_bytes: bool = False,
    ) -> None:
        self._gpus = list(gpus)
        self._driver = driver
        self._cuda = cuda
        self._broken = broken
        self._as_bytes = as_bytes
        self.open = 0

    def _text(self, value: str) -> str | bytes:
        return value.encode() if self._as_bytes else value

    def nvmlInit(self) -> None:  # noqa: N802 - names of the library
        """Connect to the driver."""
        if self._broken:
            raise FakeNvmlError("Driver/library version mismatch")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        """Disconnect."""
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str | bytes:  # noqa: N802
        """Return the version of the driver."""
        return self._text(self._driver)

    def nvmlSystemGetCudaDriverVersion(self) -> int:  # noqa: N802
        """Return the CUDA version of the driver."""
        return self._cuda

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """Return the number of cards."""
        return len(self._gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        """Return a card."""
        return self._gpus[index]

    def nvmlDeviceGetName(self, handle: FakeGpu) -> str | bytes:  # noqa: N802
        """Return the model of a card."""
        return self._text(handle.name)

    def nvmlDeviceGetUUID(self, handle: FakeGpu) -> str | bytes:  # noqa: N802
        """Return the identity of a card."""
        return self._text(handle.uuid)

    def nvmlDeviceGetMemoryInfo(self, handle: FakeGpu) -> FakeMemory:  # noqa: N802
        """Return the memory of a card."""
        if handle.memory_bytes is None:
            raise FakeNvmlError("Not Supported")
        return FakeMemory(handle.memory_bytes)

    def nvmlDeviceGetCudaComputeCapability(  # noqa: N802
        self, handle: FakeGpu
    ) -> tuple[int, int]:
        """Return the compute capability of a card."""
        return handle.capability

    def nvmlDeviceGetMigMode(self, handle: FakeGpu) -> list[int]:  # noqa: N802
        """Fail: this card cannot be partitioned."""
        raise FakeNvmlError(f"Not Supported: {handle.name}")

    def nvmlDeviceGetEccMode(self, handle: FakeGpu) -> list[int]:  # noqa: N802
        """Fail: this card does not tell."""
        raise FakeNvmlError(f"Not Supported: {handle.name}")

"""GPUs are found by library or command, and their absence has a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.capture.gpus import describe_gpus, driver_present
from ml_experiment.testing.gpus import FakeGpu, FakeNvml


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BANNER = "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |"


def _no_library() -> Any:
    raise ImportError("No module named 'pynvml'")


def _no_command(_arguments: Sequence[str]) -> str:
    raise FileNotFoundError("nvidia-smi")


def _smi(arguments: Sequence[str]) -> str:
    return "NVIDIA T4, 15360, GPU-1, 550.54.15, 7.5\n" if arguments else _BANNER


def test_cards_are_described_by_the_library() -> None:
    """Model, memory, identity, and the versions of driver and CUDA."""
    nvml = FakeNvml([FakeGpu(uuid="GPU-a"), FakeGpu(name="NVIDIA T4", uuid="GPU-b")])

    found: Any = describe_gpus(present=lambda: True, library=lambda: nvml)

    assert [gpu["name"] for gpu in found["gpus"]] == [
        "NVIDIA A100-SXM4-40GB",
        "NVIDIA T4",
    ]
    assert [gpu["uuid"] for gpu in found["gpus"]] == ["GPU-a", "GPU-b"]
    assert found["gpus"][0]["memory_bytes"] == 40 * 1024**3
    assert found["gpus"][0]["compute_capability"] == "8.0"
    assert (found["gpu_driver"], found["cuda"]) == ("550.54.15", "12.4")
    assert "gpu_note" not in found
    assert nvml.open == 0


def test_an_old_library_that_gives_bytes_is_understood() -> None:
    """Text is text in the record."""
    nvml = FakeNvml([FakeGpu(name="Tesla K80")], as_bytes=True)

    found: Any = describe_gpus(present=lambda: True, library=lambda: nvml)

    assert found["gpus"][0]["name"] == "Tesla K80"


def test_a_question_that_a_card_does_not_answer_is_left_open() -> None:
    """A slice of a card does not tell its memory; the rest is recorded."""
    nvml = FakeNvml([FakeGpu(memory_bytes=None)])

    found: Any = describe_gpus(present=lambda: True, library=lambda: nvml)

    assert found["gpus"][0]["memory_bytes"] is None
    assert found["gpus"][0]["name"]


def test_without_the_library_the_command_is_asked() -> None:
    """``nvidia-smi`` comes with every driver."""
    found: Any = describe_gpus(present=lambda: True, library=_no_library, command=_smi)

    assert found["gpus"] == [
        {
            "name": "NVIDIA T4",
            "memory_bytes": 15360 * 1024**2,
            "uuid": "GPU-1",
            "compute_capability": "7.5",
        }
    ]
    assert (found["gpu_driver"], found["cuda"]) == ("550.54.15", "12.4")


def test_a_driver_that_fails_is_said_to_fail() -> None:
    """Both ways are tried, and both reasons are told."""
    found: Any = describe_gpus(
        present=lambda: True,
        library=lambda: FakeNvml(broken=True),
        command=_no_command,
    )

    assert found["gpus"] == []
    assert "mismatch" in found["gpu_note"]
    assert "nvidia-smi" in found["gpu_note"]


def test_a_driver_without_cards_is_said_to_have_none() -> None:
    """A container may have been given no card."""
    found = describe_gpus(present=lambda: True, library=FakeNvml)

    assert found["gpus"] == []
    assert "no GPU" in str(found["gpu_note"])


def test_where_there_is_no_driver_nothing_is_asked() -> None:
    """Importing the library would cost time at every run."""

    def fail() -> Any:
        raise AssertionError("asked in vain")

    found = describe_gpus(present=lambda: False, library=fail)

    assert found["gpus"] == []
    assert found["gpu_note"]


def test_a_driver_is_noticed_by_its_files(tmp_path: Path) -> None:
    """Any of them will do."""
    device = tmp_path / "nvidiactl"

    absent = driver_present([str(device)])
    device.touch()

    assert not absent
    assert driver_present([str(tmp_path / "other"), str(device)])

"""PyTorch's switches: which algorithms it may use, in what precision, with how many threads.

``deterministic`` of the config sets three of them, right after PyTorch was imported. What
the user's code sets afterwards stays, and is what the record tells.
"""

# ruff: noqa: SLF001 - the public function imports the compiler, which takes a second

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import caller, site_of
from ml_experiment.capture.when_imported import when_imported


if TYPE_CHECKING:
    from types import ModuleType

    from ml_experiment.capture.observations import Observations

_COMPILER = "torch._inductor.config"
_COMPLAINT = re.compile(r"(?P<operation>\S+) does not have a deterministic implement")
_FIX = "another operation, or `deterministic: true` to be stopped there"


class TorchSettings:
    """Reads and writes the switches of PyTorch.

    Args:
        torch: The module.
        observations: Told of operations that are not deterministic.
    """

    def __init__(self, torch: Any, observations: Observations) -> None:
        self._torch = torch
        self._observations = observations
        self._ours: dict[str, Any] = {
            "deterministic_algorithms": False,
            "deterministic_warn_only": False,
            "cudnn_deterministic": False,
            "cudnn_benchmark": False,
        }
        self._watch_warnings()
        when_imported(_COMPILER, self._tell_compiler)

    def apply(self, deterministic: str) -> None:
        """Set what the config says; a switch that is not as we left it is the user's.

        Args:
            deterministic: ``"true"``, ``"warn"`` or ``"false"``.
        """
        wanted = deterministic != "false"
        values = {
            "deterministic_algorithms": wanted,
            "deterministic_warn_only": deterministic == "warn",
            "cudnn_deterministic": wanted,
            "cudnn_benchmark": False,
        }
        now = self.current()
        algorithms = ("deterministic_algorithms", "deterministic_warn_only")
        if any(now[name] != self._ours[name] for name in algorithms):
            values |= {name: now[name] for name in algorithms}
        for name in ("cudnn_deterministic", "cudnn_benchmark"):
            if now[name] != self._ours[name]:
                values[name] = now[name]
        self._ours |= values
        self.restore(now | values)

    def current(self) -> dict[str, Any]:
        """Return the switches that ``restore`` sets."""
        torch = self._torch
        return {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "deterministic_warn_only": (
                torch.is_deterministic_algorithms_warn_only_enabled()
            ),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "num_threads": torch.get_num_threads(),
            "default_dtype": torch.get_default_dtype(),
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Set the switches; only what differs is touched."""
        torch, now = self._torch, self.current()
        changed = {name for name, value in values.items() if now[name] != value}
        if changed & {"deterministic_algorithms", "deterministic_warn_only"}:
            self._set_algorithms(
                values["deterministic_algorithms"], values["deterministic_warn_only"]
            )
        if "cudnn_deterministic" in changed:
            torch.backends.cudnn.deterministic = values["cudnn_deterministic"]
        if "cudnn_benchmark" in changed:
            torch.backends.cudnn.benchmark = values["cudnn_benchmark"]
        if "float32_matmul_precision" in changed:
            torch.set_float32_matmul_precision(values["float32_matmul_precision"])
        if "num_threads" in changed:
            torch.set_num_threads(values["num_threads"])
        if "default_dtype" in changed:
            torch.set_default_dtype(values["default_dtype"])

    def _set_algorithms(self, wanted: bool, warn_only: bool) -> None:  # noqa: FBT001 - as there
        """Do as ``torch.use_deterministic_algorithms`` does, but for its slow import."""
        compiler: Any = sys.modules.get(_COMPILER)
        if compiler is not None and hasattr(compiler, "deterministic"):
            compiler.deterministic = wanted
        self._torch._C._set_deterministic_algorithms(wanted, warn_only=warn_only)

    def _tell_compiler(self, module: ModuleType) -> None:
        compiler: Any = module
        if (
            hasattr(compiler, "deterministic")
            and self._torch.are_deterministic_algorithms_enabled()
        ):
            compiler.deterministic = True

    def shown(self) -> dict[str, object]:
        """Return the switches and what else decides on the numbers, for the record."""
        torch = self._torch
        told = self.current() | {
            "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
            "num_interop_threads": torch.get_num_interop_threads(),
            "cuda": bool(torch.cuda.is_initialized()),
        }
        with contextlib.suppress(Exception):  # names that come and go with the versions
            told["cudnn_allow_tf32"] = bool(torch.backends.cudnn.allow_tf32)
        return told

    def _watch_warnings(self) -> None:
        """Note the operations of which PyTorch warns that they are not deterministic."""
        module: Any = warnings
        original = getattr(module, "_showwarnmsg", None)
        if original is None:
            return

        def show(message: Any) -> None:
            found = _COMPLAINT.match(str(message.message))
            if found is None:
                original(message)
                return
            self._observations.escaped(
                f"{found['operation']} of PyTorch is not deterministic on this device",
                site_of(caller()).where,
                fix=_FIX,
            )
            original(message)

        module._showwarnmsg = show

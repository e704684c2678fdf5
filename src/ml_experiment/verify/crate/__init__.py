"""A run as a research object: written, opened, and checked when it is opened."""

from __future__ import annotations

from ml_experiment.verify.crate.export import export_run
from ml_experiment.verify.crate.opening import crate_data, is_crate, open_crate


__all__ = ["crate_data", "export_run", "is_crate", "open_crate"]

"""Callbacks: code of the user's that is told what happens to a job.

Derive from ``Callback``, override what is needed, and pass instances to
``@job(callbacks=[...])``.
"""

from __future__ import annotations

from ml_experiment.callbacks.base import Callback


__all__ = ["Callback"]

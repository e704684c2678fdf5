"""Compare two runs: what came out of them, and what went in."""

from ml_experiment.verify.compare.answer import (
    Cause,
    Comparison,
    Row,
    State,
    TrialRow,
    Verdict,
)
from ml_experiment.verify.compare.runs import compare_runs


__all__ = [
    "Cause",
    "Comparison",
    "Row",
    "State",
    "TrialRow",
    "Verdict",
    "compare_runs",
]

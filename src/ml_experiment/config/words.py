"""The closed sets of words in a config."""

from __future__ import annotations

import enum


class Word(enum.Enum):
    """One of a set of words, in any case of letters and with or without hyphens."""

    @classmethod
    def _missing_(cls, value: object) -> Word | None:
        if not isinstance(value, str):
            return None
        plain = _plain(value)
        plain = _OTHER_NAMES.get(plain, plain)
        return next((each for each in cls if _plain(each.value) == plain), None)

    def __str__(self) -> str:
        return str(self.value)


def _plain(text: str) -> str:
    return text.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


# As Optuna, its documentation and papers spell some of them.
_OTHER_NAMES = {
    "successivehalving": "sha",
    "none": "nop",
    "minimise": "minimize",
    "maximise": "maximize",
}


class JobTypes(Word):
    """The kinds of jobs.

    ``job`` is any computation, unpublished; ``experiment`` one recorded run; ``group`` a
    search over a parameter space.
    """

    JOB = "job"
    EXPERIMENT = "experiment"
    GROUP = "group"


class OptimizationDirection(Word):
    """Which values of a metric are good."""

    minimize = "minimize"
    maximize = "maximize"


class SamplerEnum(Word):
    """How the parameters of a trial are chosen: Optuna's samplers.

    ``skopt`` is a name of the past: Optuna has dropped that sampler.
    """

    random = "random"
    tpe = "tpe"
    skopt = "skopt"
    grid = "grid"
    cmaes = "cmaes"
    gp = "gp"
    qmc = "qmc"
    nsgaii = "nsgaii"
    nsgaiii = "nsgaiii"
    bruteforce = "bruteforce"
    partialfixed = "partialfixed"


class PrunerEnum(Word):
    """Which unpromising trials are ended early: Optuna's pruners."""

    hyperband = "hyperband"
    sha = "sha"
    percentile = "percentile"
    median = "median"
    patient = "patient"
    threshold = "threshold"
    wilcoxon = "wilcoxon"
    nop = "nop"

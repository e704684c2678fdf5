"""How a model is judged: against what, by what, and on which data."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.config.models import GroupConfig, JobTypes
from ml_experiment.verify.checklist.decorators import decorators
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.rules import finding
from ml_experiment.verify.checklist.values import keyword, last_name


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.config.models import Metric
    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding
    from ml_experiment.verify.checklist.targets import Target

_BASELINE = re.compile(r"baseline|Dummy(Classifier|Regressor)", re.IGNORECASE)
_TEST = re.compile(r"(^|_)test(_|$)", re.IGNORECASE)
_WATCHED = ("eval_set", "validation_data", "valid_sets", "evals", "val_dataloaders")
_STOPS = re.compile(
    r"early_stopping|EarlyStopping|early_stopping_rounds|save_best_only|LightGBMPruning"
)


def stopped_by_test_set(module: Module, project: Project) -> Iterator[Finding]:
    """Find training that is stopped by looking at the test set."""
    del project
    if not _STOPS.search(module.text):
        return
    for call, _ in module.calls:
        if last_name(call) not in {"fit", "train"}:
            continue
        for name in _WATCHED:
            given = keyword(call, name)
            if given is None:
                continue
            used = [each.id for each in ast.walk(given) if isinstance(each, ast.Name)]
            tested = [each for each in used if _TEST.search(each)]
            if tested and not any("val" in each.lower() for each in used):
                yield at(
                    module,
                    call,
                    "test-set-stops-training",
                    f"training is stopped by looking at {tested[0]}: the test is no test "
                    "any more",
                    f"split a validation set off the training set, and give {name} that",
                )


def baseline(project: Project) -> Iterator[Finding]:
    """Find experiments whose model is compared with nothing."""
    kinds = {target.loaded.config.kind for target in project.targets}
    if kinds == {JobTypes.JOB} or not project.modules:
        return
    for target in project.targets:
        config = target.loaded.config
        told = [
            config.name,
            config.description or "",
            *config.tags,
            *config.tags.values(),
        ]
        told += [*config.params, *(str(each) for each in config.params.values())]
        if any(_BASELINE.search(each) for each in told):
            return
    texts = [(each.path, each.text) for each in project.modules]
    texts += [(each.path, each.text) for each in project.other_texts]
    for path, text in texts:
        if _BASELINE.search(path.name) or _BASELINE.search(_code_of(text)):
            return
    yield finding(
        "no-baseline",
        "no baseline: nothing says what a model has to be better than",
        "run a trivial model too (sklearn.dummy.DummyClassifier, say) and name it: "
        "tags: {baseline: RUN_OR_NAME}, in the config",
    )


def _code_of(text: str) -> str:
    """Return a text without its comments: a plan is no baseline."""
    return re.sub(r"#[^\n]*", "", text)


def metrics(project: Project) -> Iterator[Finding]:
    """Find searches that do not say what is good, or that look at the test set."""
    for target in project.targets:
        config = target.loaded.config
        if not isinstance(config, GroupConfig):
            continue
        declared = config.metric
        several = (
            declared if isinstance(declared, list) else [declared] if declared else []
        )
        for number, metric in enumerate(several):
            yield from _metric(target, metric, number)
        if not several:
            yield from _metric_of_decorator(project, target)


def _metric(target: Target, metric: Metric, number: int) -> Iterator[Finding]:
    place = target.loaded.find_place(("metric", number))
    direction = metric.direction
    if direction is None:
        yield finding(
            "no-direction",
            f"the metric {metric.name} does not say which values of it are good",
            f"metric: {{name: {metric.name}, direction: maximize}}",
            file=target.config_file,
            line=place.line,
        )
    if _TEST.search(metric.name):
        yield finding(
            "metric-on-test-set",
            f"the search optimises {metric.name}: the test set chooses the model that it "
            "is to judge",
            "metric: one of the validation set",
            file=target.config_file,
            line=place.line,
        )


def _metric_of_decorator(project: Project, target: Target) -> Iterator[Finding]:
    for module in project.modules:
        if module.path not in target.scripts:
            continue
        for decorator in decorators(module):
            given = (
                keyword(decorator, "optimization_metric")
                if isinstance(decorator, ast.Call)
                else None
            )
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield at(
                    module,
                    decorator,
                    "no-direction",
                    f"the metric {given.value} does not say which values of it are good",
                    f"metric: {{name: {given.value}, direction: maximize}}, in the config",
                )


MODULE_CHECKS = (stopped_by_test_set,)
PROJECT_CHECKS = (baseline, metrics)

"""Splits that move, and preprocessing that has seen what it is tested on."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import (
    argument,
    constant,
    function_name,
    is_open,
    keyword,
    last_name,
    sources,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

_ALWAYS = frozenset(
    {
        *("ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit"),
        *("RepeatedKFold", "RepeatedStratifiedKFold"),
    }
)
_WHEN_SHUFFLED = frozenset(
    {"KFold", "StratifiedKFold", "StratifiedGroupKFold", "GroupKFold"}
)
_SPLIT = "sklearn.model_selection.train_test_split"
# Transformers that learn from the values of all rows that they are shown.
_LEARNING = re.compile(
    r"sklearn\.preprocessing\.(StandardScaler|MinMaxScaler|MaxAbsScaler|RobustScaler"
    r"|PowerTransformer|QuantileTransformer|KBinsDiscretizer|TargetEncoder|SplineTransformer)"
    r"|sklearn\.decomposition\.\w+|sklearn\.impute\.(Simple|KNN|Iterative)Imputer"
    r"|sklearn\.feature_selection\.\w+|sklearn\.feature_extraction\.text\.TfidfVectorizer"
    r"|sklearn\.cluster\.KMeans|imblearn\.\w+\.\w+|category_encoders\.\w+"
)
_FITS = frozenset({"fit", "fit_transform", "fit_resample"})


def split_seeds(module: Module, project: Project) -> Iterator[Finding]:
    """Find random splits without a seed of their own."""
    del project
    for call, name in (*module.calls, *_calls_in_part(module)):
        seed = _seed_wanted(module, call, name)
        if seed is None or is_open(call):
            continue
        given = keyword(call, seed)
        if given is not None and constant(module, given) is not None:
            continue
        yield at(
            module,
            call,
            "no-split-seed",
            f"{function_name(call, name)} has no seed: the split is another one for each "
            "seed of the run, and for each trial of a group",
            f"{seed}=0"
            if seed != "generator"
            else "generator=torch.Generator().manual_seed(0)",
        )


def _calls_in_part(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield what ``functools.partial`` and a later call together call.

    Where it goes elsewhere than into calls, nobody knows what is given there.
    """
    for call, name in module.calls:
        if name != "functools.partial" or not call.args:
            continue
        called = call.args[0]
        for later in _later_calls(module, call):
            args = [*call.args[1:], *later.args]
            # What is given later is in the place of what was given before.
            keywords = [*later.keywords, *call.keywords]
            whole = ast.copy_location(ast.Call(called, args, keywords), later)
            yield whole, module.resolve(called) or ""


def _later_calls(module: Module, call: ast.Call) -> list[ast.Call]:
    parent = module.parents.get(call)
    places: list[ast.expr] = [call]
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)]):
            places = [*module.uses(module.scope(parent), name)]
            if len(module.assigned(module.scope(parent)).get(name, [])) != 1:
                return []
        case _:
            pass
    later = [(place, module.parents.get(place)) for place in places]
    calls = [x for place, x in later if isinstance(x, ast.Call) and x.func is place]
    return calls if len(calls) == len(places) else []


def _seed_wanted(  # noqa: PLR0911 - a list of cases
    module: Module, call: ast.Call, name: str
) -> str | None:
    """Return the argument that a random split takes its seed by; ``None`` if it is none."""
    last = function_name(call, name)
    if name.startswith("sklearn.model_selection."):
        if last == "train_test_split":
            given = keyword(call, "shuffle")
            off = given is not None and constant(module, given) is False
            return None if off else "random_state"
        if last in _ALWAYS:
            return "random_state"
        shuffle = argument(call, 1, "shuffle")
        if last in _WHEN_SHUFFLED and shuffle is not None:
            return "random_state" if constant(module, shuffle) is True else None
    if name == "torch.utils.data.random_split" or name.endswith(".random_split"):
        return "generator" if argument(call, 2) is None else None
    if last == "sample" and name == "" and keyword(call, "frac") is not None:
        fraction = constant(module, keyword(call, "frac"))
        if keyword(call, "seed") is None and fraction != 1:
            return "random_state"
    if last == "train_test_split" and name.startswith("datasets."):
        return "seed"
    return None


def leaks(module: Module, project: Project) -> Iterator[Finding]:
    """Find what is learnt from all rows before they are split."""
    del project
    for call, name in module.calls:
        if name != _SPLIT:
            continue
        split = {each.id for each in call.args if isinstance(each, ast.Name)}
        scope = module.scope(call)
        for node in module.inside(scope):
            if not isinstance(node, ast.Call) or node.lineno >= call.lineno:
                continue
            data = _data_learnt_from(module, node)
            if data is None:
                continue
            results = _names_assigned(module, node)
            if data in split or results & split:
                yield at(
                    module,
                    node,
                    "fit-before-split",
                    f"{last_name(node)} learns from all rows, before they are split: what "
                    "is tested on has been seen",
                    "split first; fit on the training part, or in a Pipeline",
                )


def _data_learnt_from(module: Module, call: ast.Call) -> str | None:
    """Return the name of the table that a transformer learns from."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _FITS:
        return None
    owner = call.func.value
    made = [owner] if isinstance(owner, ast.Call) else []
    if isinstance(owner, ast.Name):
        made = [x for x in sources(module, owner, owner.id) if isinstance(x, ast.Call)]
    if not made or not all(
        _LEARNING.fullmatch(module.resolve(x.func) or "") for x in made
    ):
        return None
    given = argument(call, 0)
    while isinstance(given, (ast.Subscript, ast.Attribute)):
        given = given.value
    return given.id if isinstance(given, ast.Name) else None


def _names_assigned(module: Module, call: ast.Call) -> set[str]:
    parent = module.parents.get(call)
    if not isinstance(parent, ast.Assign) or parent.value is not call:
        return set()
    names = set()
    for target in parent.targets:
        names |= {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
    return names


CHECKS = (split_seeds, leaks)
